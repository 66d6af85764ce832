package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completed is what a shell offers after these words, of which the last one is begun: what
// begins so, as shells leave the rest out themselves.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, append([]string{"__completeNoDesc"}, words...))
	if code != exitClean {
		t.Fatalf("completing %q ends with %d: %s", words, code, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return slices.DeleteFunc(lines[:len(lines)-1], func(offer string) bool { // the last says what the shell may add of its own
		return !strings.HasPrefix(offer, words[len(words)-1])
	})
}

// What is offered is what the program takes, and nothing is opened or asked for it.
func TestCompletion(t *testing.T) {
	w := liveAWS(t)
	h := ownHome(t)
	for _, name := range []string{"ada", "grace"} {
		if code, said := ends(t, rfcSeed32+"\n", "key", "add", name, "-"); code != exitClean {
			t.Fatal(said)
		}
	}
	if err := os.Remove(h.path("identity.txt")); err != nil { // nothing can be opened from now on
		t.Fatal(err)
	}
	config := h.path("config")
	put(t, config, []byte("[default]\nregion = eu-north-1\n[profile security]\n[sso-session corp]\n [profile audit] # by hand\n"))
	t.Setenv("AWS_CONFIG_FILE", config)
	w.Reset()
	for _, c := range []struct {
		words string
		want  []string
	}{
		{"key s", []string{"show"}},
		{"code ", []string{"ada", "grace"}},
		{"code a", []string{"ada"}},
		{"code ada ", nil},
		{"key add ", nil},
		{"session --key ", []string{"ada", "grace"}},
		{"breakglass use X --code-of g", []string{"grace"}},
		{"audit --profile ", []string{"audit", "default", "security"}},
		{"audit --format j", []string{"json", "junit"}},
		{"scan --format ", []string{"table", "jsonl", "json", "csv"}},
		{"checks --framework cis-6", []string{"cis-6.0"}},
		{"report x.json --fail-on ", []string{"low", "medium", "high", "critical"}},
		{"policy generate --guardrail m", []string{"mfa-only"}},
		{"policy generate --form s", []string{"scp"}},
		{"help key l", []string{"list"}},
		{"completion ", shells},
	} {
		words := strings.Split(c.words, " ")
		if got := completed(t, words...); !slices.Equal(got, c.want) {
			t.Errorf("after %q a shell is offered %q, want %q", c.words, got, c.want)
		}
	}
	if len(w.Calls()) != 0 {
		t.Errorf("AWS was asked: %v", w.Counts())
	}
}

// Where nothing is, or nothing can be read, a shell is offered nothing and nobody waits.
func TestCompletionWithoutHome(t *testing.T) {
	for _, name := range []string{"HOME", "MFAWATCH_HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()) // a folder
	for _, words := range [][]string{{"code", ""}, {"audit", "--profile", ""}} {
		if got := completed(t, words...); len(got) != 0 {
			t.Errorf("%q: %q", words, got)
		}
	}
}

// Each script is one that its shell reads, where the shell is there.
func TestCompletionScripts(t *testing.T) {
	dir := t.TempDir()
	for shell, check := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}, "powershell": nil} {
		var out, errs bytes.Buffer
		if code := execute(t.Context(), terminal{out: &out, err: &errs}, []string{"completion", shell}); code != exitClean || out.Len() < 1000 || !strings.Contains(out.String(), "__complete") {
			t.Errorf("completion %s ends with %d and %d bytes: %s", shell, code, out.Len(), errs.String())
		}
		name := filepath.Join(dir, shell)
		put(t, name, out.Bytes())
		if check == nil {
			continue
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("there is no %s here: its script was not read", shell)
			continue
		}
		if out, err := exec.Command(path, append(check, name)...).CombinedOutput(); err != nil {
			t.Errorf("%s does not read its script: %v: %s", shell, err, out)
		}
	}
}

// bash itself completes with the script, by the built program.
func TestCompletionInBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("bash is missing: make needs it too, install it")
	}
	dir := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(dir, "mfawatch")); err != nil {
		t.Fatal(err)
	}
	// The script leans on _get_comp_words_by_ref of bash-completion, which is stood in for.
	cmd := exec.Command(bash, "--norc", "-c", `
_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }
source <(mfawatch completion bash)
COMP_WORDS=(mfawatch policy generate --form "s") COMP_CWORD=4 COMP_LINE="mfawatch policy generate --form s" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
__start_mfawatch
echo "${COMPREPLY[@]}"`)
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.Output() // outside of a completion bash complains of compopt
	if strings.TrimSpace(string(out)) != "scp" || err != nil {
		t.Errorf("bash completes %q, %v; want scp", out, err)
	}
}
