package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"mfawatch/totp/seal"
)

// pseudo is a pseudo-terminal of so many columns: what a person has, and what the
// program has.
func pseudo(t *testing.T, columns uint16) (person, tty *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: columns}))
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close(); _ = person.Close() })
	return person, tty
}

// typed is what a person types when the screen ends with a question.
type typed struct {
	question, answer string
	hidden           bool // the program must not show it
}

// onTerminal runs mfawatch at a terminal that is its own, answers its questions and
// gives what the screen showed.
func onTerminal(t *testing.T, dir string, columns uint16, answers []typed, args ...string) (screen string, code int) {
	t.Helper()
	person, tty := pseudo(t, columns)
	bin := filepath.Join(t.TempDir(), "mfawatch")
	if err := os.Symlink(os.Args[0], bin); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Env = append(os.Environ(), "MFAWATCH_HOME="+filepath.Join(dir, "home"), "MFAWATCH_IDENTITY_FILE="+filepath.Join(dir, "id.txt"), "MFAWATCH_PASSPHRASE_FILE=", "TERM=xterm")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := make(chan string)
	go answer(person, tty, answers, shown)
	err := cmd.Wait()
	_, _ = tty.WriteString(theEnd)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return <-shown, cmd.ProcessState.ExitCode()
}

const theEnd = "\x00the end\x00"

// answer types each answer when its question is there and, where it is to be hidden,
// once the terminal shows nothing any more of what is typed.
func answer(person, tty *os.File, answers []typed, shown chan<- string) {
	var screen bytes.Buffer
	buffer := make([]byte, 4096)
	for {
		n, err := person.Read(buffer)
		screen.Write(buffer[:n])
		text := screen.String()
		if before, _, over := strings.Cut(text, theEnd); over || err != nil {
			shown <- before
			return
		}
		if len(answers) == 0 || !strings.HasSuffix(text, answers[0].question+": ") {
			continue
		}
		for answers[0].hidden && echoing(tty) {
			time.Sleep(time.Millisecond)
		}
		_, _ = io.WriteString(person, answers[0].answer+"\n")
		answers = answers[1:]
	}
}

func echoing(tty *os.File) bool {
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO != 0
}

// ringed is a folder with an identity, and a key ada if that is wanted.
func ringed(t *testing.T, withKey bool) string {
	t.Helper()
	dir := t.TempDir()
	h := home{filepath.Join(dir, "home")}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	made, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	id := made.Recipient().String()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "id.txt"), []byte(made.String()+"\n"), 0o600), h.writeRecipients([]string{id})); err != nil {
		t.Fatal(err)
	}
	keys, err := sealedTo(t.Context(), terminal{}, []string{id})
	if err != nil {
		t.Fatal(err)
	}
	if withKey {
		if err := putKey(h, keys, "ada", "-", rfcURI); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const rfcURI = "otpauth://totp/ada?secret=" + rfcBase32

// sealsAda tells whether there is a key ada.
func sealsAda(t *testing.T, dir string) bool {
	t.Helper()
	s, err := seal.OpenStore(filepath.Join(dir, "home", "keys"), seal.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	return len(all) == 1 && all[0].ID == "ada"
}

func TestAddAtATerminal(t *testing.T) {
	for _, args := range [][]string{{"key", "add", "ada"}, {"key", "add", "ada", "-"}} {
		dir := ringed(t, false)
		screen, code := onTerminal(t, dir, 80, []typed{{"secret (base32)", rfcBase32, true}}, args...)
		if code != 0 || !strings.Contains(screen, "Sealed ada.") || !sealsAda(t, dir) {
			t.Errorf("%v ends with %d: %s", args, code, screen)
		}
		if strings.Contains(screen, "GEZD") {
			t.Errorf("%v shows the secret", args)
		}
	}
	dir := ringed(t, false)
	screen, code := onTerminal(t, dir, 80, []typed{{"otpauth URI", rfcURI, true}}, "key", "import", "ada", "-")
	if code != 0 || strings.Contains(screen, "GEZD") || !sealsAda(t, dir) {
		t.Errorf("import ends with %d, shows the secret: %v", code, strings.Contains(screen, "GEZD"))
	}
}

func TestGenerateAtATerminal(t *testing.T) {
	dir := ringed(t, false)
	screen, code := onTerminal(t, dir, 80, nil, "key", "add", "ada", "--generate", "--qr")
	if code != 0 || !strings.Contains(screen, "▀") || !strings.Contains(screen, "Scan it now") || !sealsAda(t, dir) {
		t.Errorf("ends with %d: %s", code, screen)
	}
}

func TestRemoveAtATerminal(t *testing.T) {
	dir := ringed(t, true)
	question := "Type the key's name to remove it"
	if screen, code := onTerminal(t, dir, 80, []typed{{question, "eve", false}}, "key", "rm", "ada"); code != exitUsage || !sealsAda(t, dir) {
		t.Errorf("another name: ends with %d: %s", code, screen)
	}
	if screen, code := onTerminal(t, dir, 80, []typed{{question, "ada", false}}, "key", "rm", "ada"); code != 0 || sealsAda(t, dir) {
		t.Errorf("ends with %d: %s", code, screen)
	}
}

func TestExportAtATerminal(t *testing.T) {
	dir := ringed(t, true)
	sentence := string(seal.WantSentence("ada"))
	confirms := []typed{{"Type the key's name", "ada", false}, {fmt.Sprintf("Type %q", sentence), sentence, false}}
	screen, code := onTerminal(t, dir, 80, confirms, "key", "export", "ada")
	if code != exitUsage || strings.Contains(screen, "GEZD") || !strings.Contains(screen, "--to-terminal") {
		t.Errorf("without --to-terminal: ends with %d, shows the secret: %v", code, strings.Contains(screen, "GEZD"))
	}
	screen, code = onTerminal(t, dir, 80, confirms, "key", "export", "ada", "--to-terminal")
	if code != 0 || !strings.Contains(screen, rfcURI) {
		t.Errorf("with --to-terminal: ends with %d: %s", code, screen)
	}
	wrong := []typed{confirms[0], {confirms[1].question, "yes", false}}
	screen, code = onTerminal(t, dir, 80, wrong, "key", "export", "ada", "--to-terminal")
	if code != exitCannotRun || strings.Contains(screen, rfcBase32) || !strings.Contains(screen, "not confirmed") {
		t.Errorf("another sentence: ends with %d, shows the secret: %v", code, strings.Contains(screen, rfcBase32))
	}
	screen, code = onTerminal(t, dir, 80, confirms, "key", "qr", "ada")
	if code != 0 || !strings.Contains(screen, "▀") || strings.Contains(screen, rfcBase32) {
		t.Errorf("the drawing: ends with %d: %s", code, screen)
	}
	screen, code = onTerminal(t, dir, 40, confirms, "key", "qr", "ada")
	if code != exitCannotRun || !strings.Contains(screen, "needs 45 columns and the terminal has 40") {
		t.Errorf("a narrow terminal: ends with %d: %s", code, screen)
	}
}
