package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"

	"mfawatch/totp/seal"
)

// byHand is a sealed file as somebody else would make it: outside is its header,
// inside the one that is sealed.
func byHand(t testing.TB, outside, inside, secret string, recipients ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(outside)
	w, err := age.Encrypt(&out, recipients...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(inside + secret)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const plainHeader = "mfawatch-sealed/1\n" + `{"id":"ada","kind":"totp","issuer":"","label":"","sealed_to":null}` + "\n"

func TestHostileFiles(t *testing.T) {
	id, keys := identity(t)
	r := id.Recipient()
	whole := byHand(t, plainHeader, plainHeader, seed, r)
	other := strings.Replace(plainHeader, `"label":""`, `"label":"mallory"`, 1)
	renamed := strings.Replace(plainHeader, "ada", "bob", 1)
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	age := len(plainHeader)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":             {nil, "it is no sealed secret"},
		"a seed":            {[]byte(seed), "it is no sealed secret"},
		"age alone":         {whole[age:], "it is no sealed secret"},
		"version 2":         {[]byte("mfawatch-sealed/2\n{}\n"), "version 2 of the format and this mfawatch reads 1: use a newer mfawatch"},
		"version 01":        {[]byte("mfawatch-sealed/x\n{}\n"), "damaged or cut short"},
		"no version":        {[]byte("mfawatch-sealed/"), "damaged or cut short"},
		"empty version":     {[]byte("mfawatch-sealed/\n{}\n"), "damaged or cut short"},
		"magic alone":       {[]byte("mfawatch-sealed/1\n"), "damaged or cut short"},
		"header alone":      {[]byte(plainHeader), "damaged or cut short"},
		"no end of header":  {[]byte("mfawatch-sealed/1\n" + strings.Repeat("x", 20<<10)), "damaged or cut short"},
		"no JSON":           {[]byte("mfawatch-sealed/1\n{\n"), "damaged or cut short"},
		"unknown field":     {byHand(t, strings.Replace(plainHeader, "{", `{"x":1,`, 1), plainHeader, seed, r), "damaged or cut short"},
		"field twice":       {byHand(t, strings.Replace(plainHeader, "{", `{"id":"bob",`, 1), plainHeader, seed, r), "damaged or cut short"},
		"white space":       {byHand(t, strings.Replace(plainHeader, "{", `{ `, 1), plainHeader, seed, r), "damaged or cut short"},
		"CRLF":              {byHand(t, strings.Replace(plainHeader, "}\n", "}\r\n", 1), plainHeader, seed, r), "damaged or cut short"},
		"escape sequence":   {byHand(t, strings.Replace(plainHeader, `"label":""`, `"label":"\u001b[2J"`, 1), plainHeader, seed, r), "damaged or cut short"},
		"moved":             {byHand(t, renamed, renamed, seed, r), `it is the secret "bob" under another's name: give it the name bob.sealed again`},
		"label changed":     {byHand(t, other, plainHeader, seed, r), "the header is not the one that was sealed"},
		"id changed":        {byHand(t, plainHeader, renamed, seed, r), "the header is not the one that was sealed"},
		"no header inside":  {byHand(t, plainHeader, "", seed, r), "the header is not the one that was sealed"},
		"no secret":         {byHand(t, plainHeader, plainHeader, "", r), "the header is not the one that was sealed"},
		"large secret":      {byHand(t, plainHeader, plainHeader, strings.Repeat("x", 32<<10+1), r), "the header is not the one that was sealed"},
		"large file":        {append(bytes.Clone(whole), make([]byte, 256<<10)...), "more than 262144 bytes"},
		"one byte less":     {whole[:len(whole)-1], "damaged or cut short"},
		"one byte more":     {append(bytes.Clone(whole), 0), "damaged or cut short"},
		"age's line":        {flip(age + 3), "damaged or cut short"},
		"age's MAC":         {bytes.Replace(whole, []byte("\n--- "), []byte("\n--- A"), 1), "damaged or cut short"},
		"the text":          {flip(-1), "damaged or cut short"},
		"the tag's start":   {flip(-40), "damaged or cut short"},
		"another recipient": {byHand(t, plainHeader, plainHeader, seed, stranger(t)), "it does not open with what was given"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "s")
			s := store(t, dir, keys)
			file := filepath.Join(dir, "ada.sealed")
			if err := os.WriteFile(file, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, get(t, s, "ada"), file, c.want)
		})
	}
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, keys)
	if err := os.WriteFile(filepath.Join(dir, "ada.sealed"), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	opens(t, s, "ada")
}

func stranger(t testing.TB) age.Recipient {
	id, _ := identity(t)
	return id.Recipient()
}

// No cut of a file opens, and none with a bit of any byte changed.
func TestEveryCutAndEveryBit(t *testing.T) {
	_, keys := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, keys)
	put(t, s, "ada")
	file := filepath.Join(dir, "ada.sealed")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	try := func(b []byte) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := get(t, s, "ada"); err == nil {
			t.Fatalf("a changed file of %d bytes opens", len(b))
		} else if !strings.Contains(err.Error(), file) {
			t.Fatalf("error %v", err)
		}
	}
	for i := range whole {
		if testing.Short() && i%16 != 0 {
			continue
		}
		try(whole[:i])
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		try(b)
	}
}

func TestWrongKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	put(t, store(t, dir, passphrase(t, "hunter2hunter2")), "ada")
	opens(t, store(t, dir, passphrase(t, "hunter2hunter2")), "ada")
	_, keys := identity(t)
	for want, k := range map[string]seal.Keys{
		"it does not open: the passphrase is wrong: try again":       passphrase(t, "hunter2hunter3"),
		"it is sealed to passphrase: give one of these":              keys,
		"nothing to open it with was given: it is sealed to passphr": {},
	} {
		err := get(t, store(t, dir, k), "ada")
		refused(t, err, filepath.Join(dir, "ada.sealed"), want)
		if !errors.Is(err, seal.ErrNoKey) {
			t.Errorf("%v is not ErrNoKey", err)
		}
	}
	other := filepath.Join(t.TempDir(), "s")
	put(t, store(t, other, keys), "ada")
	refused(t, get(t, store(t, other, passphrase(t, "hunter2hunter2")), "ada"), "with what was given: it is sealed to x25519 age1")
}

// A file asks for as much memory as it likes, up to a bound; age's own is 4 GiB.
func TestScryptIsBounded(t *testing.T) {
	r, err := age.NewScryptRecipient("hunter2hunter2")
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(2)
	file := byHand(t, plainHeader, plainHeader, seed, r)
	for factor, want := range map[string]string{
		"21": "more than 2^20 rounds of scrypt", "22": "more than 2^20 rounds", "30": "more than 2^20 rounds", "99": "more than 2^20", "100": "more than 2^20", "4000000000": "damaged",
		"0": "damaged", "02": "damaged", "-1": "damaged", "x": "damaged", "3": "the passphrase is wrong",
	} {
		dir := filepath.Join(t.TempDir(), "s")
		s := store(t, dir, passphrase(t, "hunter2hunter2"))
		at := bytes.Index(file, []byte(" 2\n"))
		changed := append(append(bytes.Clone(file[:at+1]), factor...), file[at+2:]...)
		if err := os.WriteFile(filepath.Join(dir, "ada.sealed"), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, get(t, s, "ada"), want)
		// The bound is of the package, not of the identity that Passphrase makes.
		own, err := age.NewScryptIdentity("hunter2hunter3")
		if err != nil {
			t.Fatal(err)
		}
		own.SetMaxWorkFactor(30)
		if len(factor) < 10 {
			refused(t, get(t, store(t, dir, seal.Keys{Identities: []age.Identity{own}}), "ada"), want)
		}
	}
	for _, work := range []int{0, seal.MinWork - 1, seal.MaxWork + 1} {
		_, err := seal.Passphrase(secret(), work)
		refused(t, err, "it must be 15 to 20")
	}
	_, err = seal.Passphrase(seal.Secret{}, seal.MinWork)
	refused(t, err, "the passphrase is empty")
	for _, work := range []int{seal.MinWork, seal.MaxWork} {
		if _, err := seal.Passphrase(secret(), work); err != nil {
			t.Error(err)
		}
	}
}

func TestPermissions(t *testing.T) {
	_, keys := identity(t)
	for name, c := range map[string]struct {
		spoil func(dir, file string) error
		want  string
	}{
		"file for the group": {func(_, f string) error { return os.Chmod(f, 0o640) }, "ada.sealed: others can get at it (mode 0640): chmod 0600 it"},
		"file for all":       {func(_, f string) error { return os.Chmod(f, 0o604) }, "(mode 0604): chmod 0600"},
		"folder to enter":    {func(d, _ string) error { return os.Chmod(d, 0o701) }, "(mode 0701): chmod 0700 it"},
		"folder to write":    {func(d, _ string) error { return os.Chmod(d, 0o720) }, "(mode 0720): chmod 0700 it"},
		"link":               {func(_, f string) error { return errors.Join(os.Rename(f, f+"x"), os.Symlink(f+"x", f)) }, "it is a link: put the file itself in its place"},
		"pipe":               {func(_, f string) error { return errors.Join(os.Remove(f), syscall.Mkfifo(f, 0o600)) }, "it is no plain file"},
		"folder":             {func(_, f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o700)) }, "it is no plain file"},
		"no folder":          {func(d, _ string) error { return os.RemoveAll(d) }, "no such file or directory"},
		"file of a folder":   {func(d, _ string) error { return errors.Join(os.RemoveAll(d), os.WriteFile(d, nil, 0o600)) }, "it is a file: name a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "s")
			s := store(t, dir, keys)
			put(t, s, "ada")
			if err := c.spoil(dir, filepath.Join(dir, "ada.sealed")); err != nil {
				t.Fatal(err)
			}
			refused(t, get(t, s, "ada"), dir, c.want)
			_, err := s.List()
			refused(t, err, dir, c.want)
			_, err = s.Rotate(t.Context(), keys)
			refused(t, err, dir, c.want)
		})
	}
}

func TestOtherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	_, keys := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, keys)
	put(t, s, "ada")
	if err := os.Chown(filepath.Join(dir, "ada.sealed"), 1234, -1); err != nil {
		t.Fatal(err)
	}
	refused(t, get(t, s, "ada"), "ada.sealed: it belongs to user 1234 and this is user 0", "chown 0")
	if err := os.Chown(dir, 1234, -1); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Put(t.Context(), header("bob"), secret()), dir+": it belongs to user 1234")
	refused(t, s.Delete("ada"), dir+": it belongs to user 1234")
	_, err := seal.OpenStore(dir, keys)
	refused(t, err, dir+": it belongs to user 1234")
}

// One bad file hides no other, and stops a rotation before it begins.
func TestListNamesWhatIsBad(t *testing.T) {
	_, keys := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, keys)
	put(t, s, "ada", "bob", "eve")
	stray := filepath.Join(dir, "seed.txt")
	moved := filepath.Join(dir, "mallory.sealed")
	if err := errors.Join(os.WriteFile(stray, []byte(seed), 0o600), os.Rename(filepath.Join(dir, "eve.sealed"), moved)); err != nil {
		t.Fatal(err)
	}
	all, err := s.List()
	if len(all) != 2 {
		t.Errorf("%d listed", len(all))
	}
	refused(t, err, stray+": it is no sealed secret: move it elsewhere", moved+`: it is the secret "eve"`)
	_, err = s.Rotate(t.Context(), keys)
	refused(t, err, "nothing has changed", stray)
	if err := s.Delete("mallory"); err != nil {
		t.Errorf("a damaged file cannot be deleted: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(plainHeader + "age-encryption.org/v1\n"))
	f.Add([]byte("mfawatch-sealed/2\n"))
	f.Add([]byte("mfawatch-sealed/1\n{\"id\":\"\\u003c\",\"kind\":\"totp\",\"issuer\":\"\",\"label\":\"\",\"sealed_to\":[\"kms x\"]}\n"))
	f.Add([]byte("mfawatch-sealed/1\n" + strings.Repeat("[", 10000) + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := seal.Parse("x", file)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x: ") || strings.ContainsAny(err.Error(), "\n\x1b\x00") || len(err.Error()) > 300 {
				t.Errorf("error %q", err)
			}
			return
		}
		if h.ID == "" || h.Kind == "" || strings.ContainsAny(h.ID+h.Kind+h.Issuer+h.Label+strings.Join(h.SealedTo, ""), "\n\x1b\x00") {
			t.Errorf("header %+v", h)
		}
		if name := seal.FileName(h.ID); len(name) > 240 || strings.ContainsAny(name, "/\x00") {
			t.Errorf("file name %q", name)
		}
	})
}
