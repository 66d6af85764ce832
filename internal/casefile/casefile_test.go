package casefile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mfawatch/internal/casefile"
)

// witness is a test that is looked at: what it is told stays here.
type witness struct {
	testing.TB
	told []string
}

func (w *witness) Helper()                   {}
func (w *witness) Errorf(f string, a ...any) { w.told = append(w.told, fmt.Sprintf(f, a...)) }
func (w *witness) Fatalf(f string, a ...any) { w.Errorf(f, a...); runtime.Goexit() }
func (w *witness) Fatal(a ...any)            { w.Errorf("%s", fmt.Sprint(a...)); runtime.Goexit() }

// told is what a test is told that does this.
func told(t *testing.T, do func(testing.TB)) string {
	w, done := &witness{TB: t}, make(chan struct{})
	go func() { defer close(done); do(w) }()
	<-done
	return strings.Join(w.told, "\n")
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const text = "# made up\n-- in --\na\n-- out --\nb\n"

func TestRead(t *testing.T) {
	c := casefile.Read(t, write(t, "one.txtar", text))
	if c.Name != "one" || string(c.Comment) != "# made up\n" || c.Section("in") != "a\n" || c.Section("none") != "" {
		t.Errorf("%+v", c)
	}
}

// No test passes because its cases are gone.
func TestNothingToRead(t *testing.T) {
	for _, c := range []struct {
		want string
		do   func(testing.TB)
	}{
		{"no cases", func(t testing.TB) { casefile.All(t, filepath.Join(os.TempDir(), "no-such-*.txtar")) }},
		{"no section", func(tb testing.TB) { casefile.Read(tb, write(t, "empty.txtar", "no section here\n")) }},
		{"no such file", func(t testing.TB) { casefile.Read(t, "none.txtar") }},
		{"0 answers", func(tb testing.TB) { casefile.Read(tb, write(t, "x.txtar", text)).Answer(tb, 2, "out", "b\n", false) }},
		{"2 answers", func(tb testing.TB) { casefile.Read(tb, write(t, "x.txtar", text)).Answer(tb, 0, "out", "b\n", false) }},
		{"(-want +got)", func(tb testing.TB) { casefile.Read(tb, write(t, "x.txtar", text)).Answer(tb, 1, "out", "c\n", false) }},
		{"(-want +got)", func(tb testing.TB) { casefile.Read(tb, write(t, "x.txtar", text)).Answer(tb, 1, "err", "b\n", false) }},
	} {
		if got := told(t, c.do); !strings.Contains(got, c.want) {
			t.Errorf("told %q, want %s", got, c.want)
		}
	}
	if got := told(t, func(tb testing.TB) { casefile.Read(tb, write(t, "x.txtar", text)).Answer(tb, 1, "out", "b\n", false) }); got != "" {
		t.Errorf("a right answer: told %q", got)
	}
}

func TestWritten(t *testing.T) {
	path := write(t, "one.txtar", text)
	casefile.Read(t, path).Answer(t, 1, "errors", "bad\n", true)
	casefile.Read(t, path).Put(t, "in", "A\n")
	casefile.Read(t, path).Put(t, "more", "m\n")
	got, err := os.ReadFile(path)
	if want := "# made up\n-- in --\nA\n-- errors --\nbad\n-- more --\nm\n"; err != nil || string(got) != want {
		t.Errorf("written %q, %v, want %q", got, err, want)
	}
}
