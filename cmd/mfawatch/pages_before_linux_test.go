package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/yubikey/yubikeytest"
)

// presuppose does what a line takes for done: in cli.md each line is an example of its own,
// and in a page what another page is about. What is there already is left as it is.
func (s *sitting) presuppose() {
	s.Helper()
	line := s.line
	for _, p := range presupposed {
		m := p.line.FindStringSubmatch(line)
		if m == nil || p.there != nil && p.there(s, m) {
			continue
		}
		for _, before := range p.before {
			s.pipe(s.put.Replace(strings.NewReplacer("$1", m[1]).Replace(before)))
			s.learn()
		}
		if p.does != nil {
			p.does(s, m)
		}
	}
}

// presumption is what lines take for done. The first group of line is what it is done with.
type presumption struct {
	line   *regexp.Regexp
	there  func(s *sitting, m []string) bool
	before []string
	does   func(s *sitting, m []string)
}

// Words of the tables below.
var (
	withDevice  = `mfawatch device create $1`
	withYubikey = `mfawatch device create $1 --yubikey`
	asks        = `mfawatch breakglass request --role administrator --why "identity provider down"`
	agrees      = `mfawatch breakglass approve 7QK3V1T0Z5N8B2MX --device bob-yubikey`
	bundles     = `aws iam create-access-key --user-name offline-ada | mfawatch breakglass init --seal --door mfawatch --person ada --user arn:aws:iam::111122223333:user/offline-ada --role arn:aws:iam::111122223333:role/mfawatch-break-glass --serial arn:aws:iam::111122223333:mfa/offline-ada --regions eu-north-1,us-east-1 --to age1…`
)

var presupposed = []presumption{
	{re(`mfawatch (?:code|session) .*?\b(ada-laptop)\b`), keyed, nil, func(s *sitting, _ []string) { s.srv.Change(func() { s.srv.user("ada").Devices = nil }) }},
	{re(`mfawatch (?:code|session|device (?:resync|replace|delete)) .*?\b(ada-laptop)\b`), keyed, []string{withDevice}, nil},
	{re(`^mfawatch key (?:show|export|qr|rm|clock-was-wrong) ([a-z]+)`), keyed, []string{`mfawatch key add $1 - < seed.txt`}, nil},
	{re(`mfawatch (?:code|verify) ([a-z-]+)(?: --?[pfmaru]| <|$| \|)`), keyed, []string{`mfawatch key add $1 - < seed.txt`}, nil},
	{re(`^mfawatch verify ([a-z]+) < code.txt`), nil, []string{`mfawatch code $1 > code.txt`}, nil},
	{re(`^mfawatch code (?:--yubikey(?:=12345678)? )?(arn:\S+mfa/)ada`), nil, nil, func(s *sitting, m []string) {
		if !strings.Contains(s.line, "--yubikey") && !strings.Contains(s.line, "ada-laptop") {
			s.pipe("mfawatch key import ada qr.png --device " + m[1] + "ada")
		}
	}},
	{re(`mfawatch breakglass init .*--key (ada-door)`), keyed, []string{withDevice}, nil},
	{re(`mfawatch device delete (ada-laptop2?)$`), nil, nil, (*sitting).another},
	{re(`GAKT12345678.*--user (\w+)|GAKT12345678()`), nil, nil, (*sitting).token},
	{re(`--yubikey\b.*?mfa/(ada)\b|mfa/(ada)\b.*--yubikey`), onCard, nil, func(s *sitting, _ []string) { s.srv.Change(func() { s.srv.user("ada").Devices = nil }) }},
	{re(`--yubikey\b.*?mfa/(ada)\b|mfa/(ada)\b.*--yubikey`), onCard, []string{`mfawatch device create ada --yubikey`}, nil},
	{re(`mfawatch session .*mfa/(ada-key) --yubikey`), onCard, []string{withYubikey}, nil},
	{re(`mfawatch device delete \S+mfa/(ada2) --yubikey`), nil, nil, (*sitting).another},
	{re(`mfawatch device delete \S+mfa/(grace) --user grace`), onCard, []string{`mfawatch device create grace --yubikey --for grace`}, nil},
	{re(`^mfawatch yubikey oath (?:code|rename|rm) (Example:ada|Amazon:ada)`), onCard, []string{`mfawatch yubikey oath add $1 - < uri.txt`}, nil},
	{re(`^mfawatch yubikey oath add .* --key (\w+)`), keyed, []string{`mfawatch key add $1 - < seed.txt`}, nil},
	{re(`--oath-password-file (\w+.txt)`), locked, []string{`mfawatch yubikey oath password --new-password-file $1`}, nil},
	{re(`^mfawatch yubikey otp (?:verify|rm) (ada)`), slotted, []string{`mfawatch yubikey otp add $1 - < slot.txt`}, nil},
	{re(`--inventory (yubikeys.json)`), isFile, []string{`mfawatch yubikey inventory --format json > $1`}, nil},
	{re(`^mfawatch serve yubico-client revoke (1)`), nil, []string{`mfawatch serve yubico-client add tested`}, nil},
	{re(`^mfawatch serve token revoke (\w+)`), nil, []string{`mfawatch serve token add $1 --grant aws:read`}, nil},
	{re(`--from (snapshot.json)`), isFile, []string{`mfawatch collect -o $1`}, nil},
	{re(`^mfawatch audit .*--diff (\S+)`), nil, []string{`mfawatch audit --profile security -o $1`}, nil},
	{re(`config (?:check|compile)()`), configured, []string{`mfawatch config init --yes --account 111122223333 --home-region eu-north-1 --tell security@example.com`}, nil},
	{re(`config check (\S+/mfawatch.yaml)`), isFile, nil, func(s *sitting, m []string) { // of the private repository, and of its main
		s.folder(filepath.Dir(m[1]))
		put(s.T, m[1], []byte(s.read("mfawatch.yaml")))
	}},
	{re(`mfawatch breakglass (?:approve|status|use|end|revoke) (7QK3V1T0Z5N8B2MX)`), (*sitting).hasAsked, []string{asks}, nil},
	{re(`mfawatch code (ada-door) --yubikey \|`), nil, []string{`mfawatch yubikey oath add $1 - --no-touch < door.txt`}, (*sitting).bobAsks},
	{re(`mfawatch breakglass use --offline .*(--yubikey)`), nil, []string{`mfawatch yubikey oath add arn:aws:iam::111122223333:mfa/offline-ada - < uri.txt`}, nil},
	{re(`mfawatch breakglass use (7QK3V1T0Z5N8B2MX)`), (*sitting).agreed, []string{agrees}, nil},
	{re(`mfawatch breakglass init --seal()`), nil, nil, (*sitting).unbundled},
	{re(`mfawatch breakglass init --seal .*--yubikey-slot (2)`), nil, nil, func(s *sitting, _ []string) {
		s.card().SetSlot(2, yubikeytest.Slot{Key: []byte("a secret of the slot"), Variable: true})
	}},
	{re(`mfawatch breakglass (?:(?:use|drill|status) --offline|rotate|reconcile)()`), bundled, []string{bundles}, nil},
	{re(`mfawatch breakglass rotate .*--remove (\w+)`), nil, nil, (*sitting).strangeKey},
	{re(`mfawatch breakglass (?:reconcile)()`), nil, []string{`mfawatch breakglass drill --offline`}, nil},
	{re(`mfawatch breakglass codes (?:print|verify)()`), nil, nil, (*sitting).sheet},
	{re(`mfawatch breakglass log()`), (*sitting).hasAsked, []string{asks}, nil},
	{re(`mfawatch breakglass log()`), nil, nil, (*sitting).kept},
	{re(`mfawatch breakglass drill --role()`), nil, nil, (*sitting).endsAll},
	{re(`mfawatch config compile -o (\S+)/`), nil, nil, func(s *sitting, m []string) { s.folder(m[1]) }}, // make functions makes it
	{re(`mfawatch scan (./demo)/AWSLogs`), nil, []string{`mfawatch demo --write $1`}, nil},
	{re(`\$|otp.txt()`), nil, nil, func(s *sitting, _ []string) { put(s.T, "otp.txt", []byte(s.touch())) }},
	{re(`--confirm confirmation.txt|export (ada|grace)|qr (ada|grace)`), nil, nil, (*sitting).confirms},
}

func re(text string) *regexp.Regexp { return regexp.MustCompile(text) }

func keyed(s *sitting, m []string) bool { return s.succeeds("key", "show", m[1]) }
func locked(s *sitting, _ []string) bool {
	return regexp.MustCompile(`OATH password +set`).MatchString(s.says("yubikey", "info"))
}
func slotted(s *sitting, _ []string) bool {
	return strings.Contains(s.yubiDesk.run("yubikey", "otp", "list").out, "ada ")
}
func isFile(_ *sitting, m []string) bool { _, err := os.Stat(m[1]); return err == nil }
func configured(*sitting, []string) bool { _, err := os.Stat("mfawatch.yaml"); return err == nil }

func (s *sitting) succeeds(args ...string) bool {
	s.whose(strings.Join(args, " "))
	return s.yubiDesk.run(args...).code == exitClean
}

func onCard(s *sitting, m []string) bool {
	names, _ := s.card().Names()
	text := strings.Join(names, "\n") + "\n"
	for _, name := range m[1:] {
		if name != "" && strings.Contains(text, name+"\n") {
			return true
		}
	}
	return false
}

// token is a hardware token of the user's, or one that nobody has yet.
func (s *sitting) token(m []string) {
	if strings.Contains(s.line, " enable ") {
		return
	}
	name := m[1]
	if name == "" {
		name = "ada"
	}
	s.srv.Change(func() {
		u := s.srv.user(name)
		if len(u.Devices) < 2 {
			u.Devices = append(u.Devices, fakeaws.Token("GAKT12345678"), s.srv.own.Virtual(name+"-other"))
		}
	})
}

func (s *sitting) hasAsked([]string) bool {
	return len(s.open()) > 0
}

func (s *sitting) agreed([]string) bool {
	all := s.open()
	return len(all) > 0 && all[len(all)-1].State != breakglass.Waiting
}

func bundled(s *sitting, _ []string) bool {
	_, err := os.Stat(homeIn(s.homes["ada"]).glass("bundle.age"))
	return err == nil
}

// unbundled takes away the bundle that an earlier line took for made.
func (s *sitting) unbundled(_ []string) {
	if err := os.RemoveAll(homeIn(s.homes["ada"]).glass("bundle.age")); err != nil {
		s.Fatal(err)
	}
}

// bobAsks: who approves in this line is the one who asks in all others.
func (s *sitting) bobAsks([]string) {
	s.as = "bob"
	s.pipe(asks)
	s.as = ""
	s.learn()
}

// strangeKey is another access key of the user of the offline way.
func (s *sitting) strangeKey(m []string) {
	s.srv.Change(func() { s.offline.Keys = append(s.offline.Keys, fakeaws.Key{ID: m[1], Created: time.Now()}) })
}

// sheet is one that was drawn on this machine. That the door keeps it is another test's.
func (s *sitting) sheet([]string) {
	s.whose("breakglass")
	if err := (codesFlags{count: 10}).make(s.Context(), terminal{in: strings.NewReader(""), out: discard{}, err: discard{}}, memoryDoor(s.T), "ada-sheet"); err != nil && !strings.Contains(err.Error(), "there") {
		s.Errorf("%s: %v", s.line, err)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// kept are the record in a file and in a folder, and the key that vouches for it.
func (s *sitting) kept([]string) {
	if strings.Contains(s.line, "> record.jsonl") {
		return
	}
	s.pipe("mfawatch breakglass log > record.jsonl")
	put(s.T, "door.pub", []byte(base64.StdEncoding.EncodeToString(s.door.key.Public().(ed25519.PublicKey))+"\n"))
	s.folder("archive")
	put(s.T, filepath.Join("archive", "entries-000000000001.jsonl"), []byte(s.read("record.jsonl")))
}

func (s *sitting) folder(name string) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		s.Fatal(err)
	}
}

// endsAll ends what was asked for: a person may have few requests open.
func (s *sitting) endsAll([]string) {
	for _, r := range s.open() {
		s.as = r.Person
		s.pipe("mfawatch breakglass end " + r.ID)
		s.as = ""
	}
}

// another device of ada's: AWS is not asked to take the last one.
func (s *sitting) another([]string) {
	s.srv.Change(func() {
		u := s.srv.user("ada")
		u.Devices = append(u.Devices, s.srv.own.Virtual("ada-other"))
	})
}

// confirms is a person who has read what an export means, of the key of the line.
func (s *sitting) confirms([]string) {
	for _, name := range []string{"ada", "grace"} {
		if strings.Contains(s.line, " "+name) {
			put(s.T, "confirmation.txt", []byte(name+"\nwhoever sees "+name+" can make its codes\n"))
		}
	}
}

// touch is what the YubiKey's slot types next.
func (s *sitting) touch() string {
	s.uses++
	return otpOf(s.T, 20, s.uses) + "\n"
}

// reply is what a person answers a command: on standard input, and on the terminal.
type reply struct {
	command *regexp.Regexp
	input   func(s *sitting, m []string) string
	typed   func(m []string) string
}

var replies = []reply{
	{re(`^verify (\S+)$`), func(s *sitting, m []string) string { return s.says("code", m[1]) }, nil},
	{re(`^verify (\S+) --unlock$`), func(_ *sitting, m []string) string { return m[1] + "\n" }, nil},
	{re(`^verify (\S+) --resync$`), func(s *sitting, m []string) string { return s.says("code", m[1], "--pair") }, nil},
	{re(`^yubikey otp verify `), func(s *sitting, _ []string) string { return s.touch() }, nil},
	{re(`GAKT12345678`), func(*sitting, []string) string { return comingCodes() }, nil},
	{re(`^breakglass (?:use --offline|drill --offline)`), func(s *sitting, _ []string) string { s.next(); return firstLine(comingCodes()) }, nil},
	{re(`^breakglass (?:approve|unlock) `), func(s *sitting, _ []string) string { s.next(); return s.door.code("bob-yubikey", 0) }, nil},
	{re(`^breakglass revoke `), func(s *sitting, _ []string) string { s.next(); return s.door.code("cyd-yubikey", 0) }, nil},
	{re(`^breakglass (?:use|drill) `), func(s *sitting, _ []string) string { s.next(); return s.door.code("ada-yubikey", 0) }, nil},
	{re(`^breakglass codes verify`), func(s *sitting, _ []string) string { return s.door.cast.Sheets["ada-sheet"].Codes[0].Reveal() + "\n" }, nil},
	{re(`^config init`), func(*sitting, []string) string { return management + "\n\n\nsecurity@example.com\n\n\n\n" }, nil},
	{re(`^key add \S+(?: --device \S+)?$`), nil, func([]string) string { return rfcSeed32 + "\n" }},
	{re(`^key (?:export|qr) (\S+)`), nil, func(m []string) string { return m[1] + "\nwhoever sees " + m[1] + " can make its codes\n" }},
	{re(`^key rm (\S+)$`), nil, func(m []string) string { return m[1] + "\n" }},
	{re(`^key reseal --to passphrase`), nil, func([]string) string { return "a long passphrase\na long passphrase\n" }},
	{re(`^yubikey oath add \S+$`), nil, func([]string) string { return rfcSeed32 + "\n" }},
	{re(`^yubikey oath rm (\S+)(?: --yubikey 12345678)?$`), nil, func(m []string) string { return m[1] + "\n" }},
	{re(`^yubikey oath password$`), nil, func([]string) string { return "a long password\na long password\n" }},
	{re(`^yubikey oath (?:list --remember|password --clear)`), nil, func([]string) string { return "a long password\n" }},
	{re(`^yubikey otp rm (\S+)$`), nil, func(m []string) string { return m[1] + "\n" }},
}

func (s *sitting) says(args ...string) string { return s.yubiDesk.run(args...).out }

// next waits for codes that nobody has used.
func (s *sitting) next() { time.Sleep(30 * time.Second) }

func firstLine(text string) string { line, _, _ := strings.Cut(text, "\n"); return line + "\n" }

// answers is what a person writes on standard input; what they type on the terminal is
// typed beforehand.
func (s *sitting) answers(text string) string {
	for _, a := range replies {
		m := a.command.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if a.typed != nil {
			s.types(a.typed(m))
		}
		if a.input != nil {
			return a.input(s, m)
		}
		return ""
	}
	if strings.HasPrefix(text, "device ") && strings.Contains(text, "--yubikey") && locked(s, nil) {
		s.types("a long password\n") // that an earlier line of the page has set
	}
	if regexp.MustCompile(`^yubikey otp add \S+$`).MatchString(text) {
		s.types(slotPublic + "\n" + slotPrivate + "\n" + slotKey + "\n" + s.touch())
	}
	return ""
}

func (s *sitting) types(text string) {
	if _, err := s.person.WriteString(text); err != nil {
		s.Fatal(err)
	}
}

// asks opens the sitting's terminal.
func (s *sitting) asks() (*os.File, error) { return os.OpenFile(s.tty.Name(), os.O_RDWR, 0) }
