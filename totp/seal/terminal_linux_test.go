package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mfawatch/totp/seal"
)

// terminal is a pseudo-terminal: what a person has, and what the program has.
func terminal(t *testing.T) (person, tty *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close(); _ = person.Close() })
	return person, tty
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// typist answers each question when it is asked, once the terminal has stopped to
// show what is typed, as a person does who sees the question.
type typist struct {
	t       *testing.T
	person  *os.File
	tty     *os.File
	answers []string
	asked   bytes.Buffer
	done    chan struct{}
}

func (p *typist) Write(b []byte) (int, error) {
	p.asked.Write(b)
	if strings.HasSuffix(string(b), ": ") && len(p.answers) > 0 {
		answer := p.answers[0]
		p.answers = p.answers[1:]
		go func() {
			for echoes(p.t, p.tty) {
				time.Sleep(time.Millisecond)
			}
			_, _ = io.WriteString(p.person, answer)
			p.done <- struct{}{}
		}()
	}
	return len(b), nil
}

func TestAskPassphrase(t *testing.T) {
	for _, c := range []struct {
		answers []string
		anew    bool
		want    string
	}{
		{[]string{"hunter2\n"}, false, ""},
		{[]string{"hunter2\n", "hunter2\n"}, true, ""},
		{[]string{"hunter2\n", "hunter3\n"}, true, "the two passphrases differ"},
		{[]string{"\n"}, false, "the passphrase is empty"},
		{[]string{"\x04"}, false, "no passphrase was typed"},
		{[]string{"hunter2\n", "\x04"}, true, "nothing was typed"},
		{[]string{"hunter2\x04\x04"}, false, ""},
		{[]string{"\bhunx\bter2\n"}, false, ""},
	} {
		person, tty := terminal(t)
		p := &typist{t: t, person: person, tty: tty, answers: c.answers, done: make(chan struct{}, 2)}
		got, err := seal.AskPassphrase(t.Context(), tty, p, c.anew)
		for range c.answers {
			<-p.done
		}
		if c.want != "" {
			refused(t, err, c.want)
		} else if err != nil || string(got.Reveal()) != "hunter2" {
			t.Errorf("%d bytes, error %v", len(got.Reveal()), err)
		}
		if !echoes(t, tty) {
			t.Error("the terminal was left without echo")
		}
		if shown := screen(t, person, tty); strings.Contains(shown, "hunter") || !strings.Contains(shown, "end") {
			t.Errorf("the terminal shows %q", shown)
		}
		if text := p.asked.String(); strings.Contains(text, "hunter") || strings.Count(text, ": ") != len(c.answers) {
			t.Errorf("asked %q", text)
		}
	}
}

// screen is what the terminal has shown.
func screen(t *testing.T, person, tty *os.File) string {
	t.Helper()
	if _, err := tty.WriteString("end"); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1024)
	n, err := person.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func TestAskPassphraseInterrupted(t *testing.T) {
	_, tty := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for echoes(t, tty) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := seal.AskPassphrase(ctx, tty, io.Discard, true)
	if !errors.Is(err, context.Canceled) || !echoes(t, tty) {
		t.Errorf("error %v, the terminal echoes: %v", err, echoes(t, tty))
	}
}
