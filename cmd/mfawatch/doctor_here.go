package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"filippo.io/age/armor"

	"mfawatch/internal/awserr"
	"mfawatch/totp/breakglass/client"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/card"
	"mfawatch/totp/yubikey/pcsc"
)

// here looks at this machine.
func (d *doctor) here(ctx context.Context) {
	d.say(d.screen(), d.asking(), configuration())
	dir, err := statePath()
	if err != nil {
		d.say(tried{"home", broken, err.Error(), "export MFAWATCH_HOME=FOLDER, one of your own"})
		for _, check := range []string{"keys", "passphrase", "identity", "ledger", "bundle"} {
			d.say(tried{check, leftOut, "there is no home folder", ""})
		}
		d.say(d.yubikey(ctx, home{}))
		return
	}
	h := home{dir}
	d.say(h.folder())
	d.say(h.stores()...)
	d.say(secretFile("passphrase", os.Getenv("MFAWATCH_PASSPHRASE_FILE"), "MFAWATCH_PASSPHRASE_FILE", "a passphrase is asked for on the terminal"))
	d.say(h.identityFile(), h.ledgerState(ctx), h.bundle(), d.yubikey(ctx, h))
}

// bundle is the offline way's, which is not opened; a drill does that.
func (h home) bundle() tried {
	name := h.glass("bundle.age")
	const anew = "put a copy in its place, or make it anew: mfawatch breakglass init --seal --replace"
	head, err := beginning(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return tried{"bundle", leftOut, "there is none of the offline way: mfawatch breakglass init --seal makes one", ""}
	case err != nil:
		return tried{"bundle", broken, err.Error(), anew}
	case !strings.HasPrefix(head, armor.Header) && !strings.HasPrefix(head, "age-encryption.org/v1\n"):
		return tried{"bundle", broken, name + " is no file of age", anew}
	}
	s := offlineState{Record: h.glass("record")}
	if err := s.read(); err != nil {
		return tried{"bundle", broken, "its record: " + oneLine(err).Error(), "mfawatch breakglass log verify " + s.Record}
	}
	drilled := "never drilled: mfawatch breakglass drill --offline"
	if s.Drilled != nil {
		drilled = "last drilled " + s.Drilled.UTC().Format(time.RFC3339)
	}
	return tried{"bundle", works, name + ", not opened; " + drilled, ""}
}

// beginning is of a file, without the blanks before it.
func beginning(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 100))
	return strings.TrimLeft(string(text), " \t\r\n"), err
}

// screen is where output goes.
func (d *doctor) screen() tried {
	columns := width(d.t.out)
	if columns == 0 {
		return tried{"terminal", leftOut, "standard output is no terminal: no colours, and tables as wide as they need", ""}
	}
	colours := "colours"
	if !colour(d.t.out) {
		colours = "no colours (NO_COLOR, or TERM=dumb)"
	}
	locale := cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG"))
	if name := strings.ToLower(locale); !strings.Contains(name, "utf-8") && !strings.Contains(name, "utf8") {
		return tried{"terminal", broken, fmt.Sprintf("%d columns, %s; the locale %q is not of UTF-8, in which mfawatch writes", columns, colours, locale), "export LC_ALL=C.UTF-8"}
	}
	return tried{"terminal", works, fmt.Sprintf("%d columns, %s, locale %s", columns, colours, locale), ""}
}

// asking is whether a passphrase or a code can be asked for.
func (d *doctor) asking() tried {
	tty, err := d.t.controlling()
	if err != nil {
		return tried{"questions", leftOut, "there is no terminal to ask a passphrase on: a file has it (MFAWATCH_PASSPHRASE_FILE), or an age identity opens the keys", ""}
	}
	defer tty.Close()
	return tried{"questions", works, "a passphrase can be asked for on the terminal", ""}
}

// configuration is the file of a deployment, where one is in this folder.
func configuration() tried {
	if _, err := os.Stat(configName); errors.Is(err, fs.ErrNotExist) {
		return tried{"configuration", leftOut, "no " + configName + " in this folder", ""}
	}
	if _, _, err := readConfig(terminal{}, configName, nil); err != nil {
		return tried{"configuration", broken, oneLine(err).Error(), "mfawatch config check names each fault"}
	}
	return tried{"configuration", works, configName + " can be deployed", ""}
}

// folder is who can get at the folder. What is not there yet is made when it is needed.
func (h home) folder() tried {
	info, err := os.Stat(h.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return tried{"home", works, h.dir + " is not there yet: it is made with the first key", ""}
	case err != nil:
		return tried{"home", broken, err.Error(), "name another with MFAWATCH_HOME, or see who may read it"}
	}
	if err := seal.TrustFolder(h.dir); err != nil {
		return tried{"home", broken, err.Error(), "chmod 700 " + h.dir + ", or MFAWATCH_HOME=FOLDER, one of your own"}
	}
	return tried{"home", works, fmt.Sprintf("%s, mode %04o", h.dir, info.Mode().Perm()), ""}
}

// stores are the folders of sealed secrets, read as they lie there.
func (h home) stores() []tried {
	var rows []tried
	for check, dir := range map[string]string{"keys": h.path("keys"), "requests": h.glass("requests"), "recovery-sheets": h.glass("sheets")} {
		if _, err := os.Lstat(dir); err == nil {
			rows = append(rows, store(check, dir))
		} else if check == "keys" {
			rows = append(rows, tried{check, leftOut, "there are none: mfawatch key add seals one", ""})
		}
	}
	slices.SortFunc(rows, func(a, b tried) int { return cmp.Compare(a.Check, b.Check) })
	return rows
}

func store(check, dir string) tried {
	s, err := seal.OpenStore(dir, seal.Keys{})
	if err != nil {
		return tried{check, broken, err.Error(), "chmod 700 " + dir}
	}
	all, err := s.List()
	if err != nil {
		return tried{check, broken, oneLine(err).Error(), "restore what cannot be read from a backup, or remove it: " + dir}
	}
	count := map[string]int{}
	for _, h := range all {
		kind, _, _ := strings.Cut(strings.Join(h.SealedTo, ", "), " ")
		count[kind]++
	}
	var kinds []string
	for kind, n := range count {
		kinds = append(kinds, fmt.Sprintf("%d under %s", n, kind))
	}
	slices.Sort(kinds)
	return tried{check, works, strings.TrimSuffix(fmt.Sprintf("%d in %s, sealed: %s", len(all), dir, strings.Join(kinds, ", ")), ", sealed: "), ""}
}

// secretFile is a file that holds what opens keys. It is not read.
func secretFile(check, name, variable, without string) tried {
	if name == "" {
		return tried{check, leftOut, variable + " is not set: " + without, ""}
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return tried{check, broken, err.Error(), "name a file that is there with " + variable}
	case !info.Mode().IsRegular():
		return tried{check, broken, name + " is no plain file", "name a file with " + variable}
	}
	if err := ownerOnly(name); err != nil {
		return tried{check, broken, err.Error(), "chmod 600 " + name}
	}
	return tried{check, works, fmt.Sprintf("%s, mode %04o, not opened", name, info.Mode().Perm()), ""}
}

func (h home) identityFile() tried {
	const variable = "MFAWATCH_IDENTITY_FILE"
	name := os.Getenv(variable)
	if name == "" {
		if _, err := os.Lstat(h.path("identity.txt")); err == nil {
			name = h.path("identity.txt")
		}
	}
	return secretFile("identity", name, variable, "there is no identity.txt either; only keys that are sealed to age recipients need one")
}

// ledgerState tells whether used codes are remembered. A ledger that went lost is not made
// anew here: the next command that needs it does so, and says from when.
func (h home) ledgerState(ctx context.Context) tried {
	path := h.path("ledger.db")
	keys, _ := os.ReadDir(h.path("keys"))
	switch {
	case lost(path) && len(keys) == 0:
		return tried{"ledger", leftOut, "there are no keys, and so no used codes", ""}
	case lost(path):
		return tried{"ledger", broken, "there are keys, and " + path + ", which knows their used codes, is missing or empty", "put it back from a backup, and then: mfawatch key restored; without a backup the next command begins a new one, and codes of before are refused"}
	}
	if err := ownerOnly(path); err != nil {
		return tried{"ledger", broken, err.Error(), "chmod 600 " + path}
	}
	asking, stop := context.WithTimeout(ctx, onePatience)
	defer stop()
	floor, err := keyring.Floor(asking, file.Store{Path: path})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return tried{"ledger", notKnown, path + " is held by another process", "see what else of mfawatch runs"}
	case err != nil:
		return tried{"ledger", broken, oneLine(err).Error(), "put it back from a backup, and then: mfawatch key restored"}
	case !floor.IsZero():
		return tried{"ledger", works, "used codes are remembered; those of before " + floor.UTC().Format("2006-01-02T15:04:05Z") + " are refused", ""}
	}
	return tried{"ledger", works, "used codes are remembered", ""}
}

// yubikey asks which keys are plugged in. Who has no seed on one needs none.
func (d *doctor) yubikey(ctx context.Context, h home) tried {
	needed := false
	if h.dir != "" {
		list, err := h.inventory()
		needed = err == nil && len(list.All()) > 0
	}
	asking, stop := context.WithTimeout(ctx, onePatience)
	defer stop()
	found, err := card.Find(asking, d.t.readers())
	switch {
	case errors.Is(err, pcsc.ErrNoService) && !needed:
		return tried{"yubikey", leftOut, "no seed of this machine is on one; " + err.Error(), ""}
	case errors.Is(err, pcsc.ErrNoService):
		return tried{"yubikey", broken, "seeds are on YubiKeys, by the inventory, and smart cards cannot be reached", cause(err)}
	case err != nil:
		return tried{"yubikey", notKnown, err.Error(), "mfawatch yubikey list"}
	case len(found) == 0:
		return tried{"yubikey", works, "smart cards can be reached; none is plugged in", ""}
	}
	var names, problems []string
	for _, f := range found {
		if f.Problem != nil {
			problems = append(problems, f.Reader+": "+f.Problem.Error())
			continue
		}
		names = append(names, f.Info.String())
	}
	if len(problems) > 0 {
		return tried{"yubikey", broken, strings.Join(problems, "; "), "take it out and put it in again, and end what else uses it"}
	}
	return tried{"yubikey", works, strings.Join(names, "; "), ""}
}

// cause is what to do, which follows what is wrong.
func cause(err error) string {
	_, todo, there := strings.Cut(err.Error(), ": ")
	if !there {
		return err.Error()
	}
	return todo
}

// door asks the emergency door for nothing, and looks whether anybody answers.
func (d *doctor) door(ctx context.Context) tried {
	var known doorFile
	if dir, err := statePath(); err == nil {
		if known, err = (home{dir}).door(); err != nil {
			return tried{"door", broken, err.Error(), "mfawatch breakglass init --url URL"}
		}
	}
	address := cmp.Or(os.Getenv("MFAWATCH_BREAKGLASS_URL"), known.URL)
	switch {
	case address == "":
		return tried{"door", leftOut, "no emergency door is remembered here", ""}
	case client.CheckURL(address) != nil:
		return tried{"door", broken, client.CheckURL(address).Error(), "mfawatch breakglass init --url URL"}
	case d.offline:
		return tried{"door", leftOut, "--offline", ""}
	}
	return knock(ctx, address)
}

// knock sends no code and no signature. A door answers that with a refusal.
func knock(ctx context.Context, address string) tried {
	asking, stop := context.WithTimeout(ctx, onePatience)
	defer stop()
	r, err := http.NewRequestWithContext(asking, http.MethodGet, address, nil)
	if err != nil {
		return tried{"door", broken, err.Error(), "mfawatch breakglass init --url URL"}
	}
	const elsewhere = "check the network and the proxy; where it does not come back: mfawatch breakglass use --offline"
	answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		return tried{"door", broken, "it does not answer: " + awserr.Cause(err), elsewhere}
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 500:
		return tried{"door", broken, fmt.Sprintf("it answers with HTTP %d", answer.StatusCode), elsewhere}
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return tried{"door", works, fmt.Sprintf("it answers, and refuses who does not sign (HTTP %d)", answer.StatusCode), ""}
	}
	return tried{"door", broken, fmt.Sprintf("it answers HTTP %d to who does not sign; a function URL with AWS_IAM answers 403", answer.StatusCode), "see that the URL is the door's, and that it was deployed with the authentication type AWS_IAM"}
}
