package pages

import (
	"slices"
	"strings"
	"testing"
)

// What a page's fences hold is read as the shell reads it.
func TestCommands(t *testing.T) {
	for name, c := range map[string]struct {
		page string
		want []string
	}{
		"sh, console and no language": {"```sh\na 1\n```\n```console\nb 2\n```\n```\nc 3\n```\n", []string{"2 a 1", "5 b 2", "8 c 3"}},
		"other languages":             {"```text\na 1\n```\n```json\n{}\n```\nb 2\n", nil},
		"outside of fences":           {"mfawatch audit\n\n    mfawatch scan\n", nil},
		"in a list":                   {"1. Do:\n\n   ```sh\n   a 1\n   ```\n2. ```sh\n   b 2\n   ```\n", []string{"4 a 1", "7 b 2"}},
		"comments and empty lines":    {"```\n# all of it\n\na 1   # why\n```\n", []string{"4 a 1"}},
		"a number sign in a word":     {"```\na x#y\n```\n", []string{"2 a x#y"}},
		"backslashes":                 {"```\na 1 \\\n  --b 2 \\\n  --c 3 # both\nd\n```\n", []string{"2 a 1 --b 2 --c 3", "5 d"}},
		"a pipe at the end":           {"```\na |\n  b\nc\n```\n", []string{"2 a |\n  b", "4 c"}},
		"single quotes":               {"```\na '{\n \"x\": 1}'\nb\n```\n", []string{"2 a '{\n \"x\": 1}'", "4 b"}},
		"double quotes":               {"```\na \"it's\nso\"\nb\n```\n", []string{"2 a \"it's\nso\"", "4 b"}},
		"an escaped quote":            {"```\na \\\"b\nc \"\\\"\"\nd\n```\n", []string{`2 a \"b`, `3 c "\""`, "4 d"}},
		"a backslash in single ones":  {"```\na '\\'\nb\n```\n", []string{`2 a '\'`, "3 b"}},
		"loops inside loops":          {"```\na | while read -r u; do\n  while b; do\n c\n  done\ndone\nd\n```\n", []string{"2 a | while read -r u; do\n  while b; do\n c\n  done\ndone", "7 d"}},
		"a loop on one line":          {"```\nwhile a; do sleep 2; done\nb\n```\n", []string{"2 while a; do sleep 2; done", "3 b"}},
		"processes of a profile":      {"```ini\n[profile ada]\nregion = x\ncredential_process = mfawatch session\nmfa_process = mfawatch code ada\n```\n", []string{"4 mfawatch session", "5 mfawatch code ada"}},
		"a card":                      {"```\n1. Ada: mfawatch breakglass status\n2. Bob calls Cyd.\n3. mfawatch breakglass log\n```\n", []string{"2 mfawatch breakglass status", "4 mfawatch breakglass log"}},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := Commands("docs/x.md", c.page)
			var got []string
			for _, l := range all {
				at, _ := strings.CutPrefix(l.String(), "docs/x.md:")
				got = append(got, strings.Replace(at, ": ", " ", 1))
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q, error %v, want %q", got, err, c.want)
			}
		})
	}
}

// What does not end is told with the place where it begins.
func TestUnended(t *testing.T) {
	for page, want := range map[string]string{
		"text\n```sh\na\n":                           "x.md:2: the fence is not shut",
		"```bash\na\n```\n":                          "x.md:1: a fence of bash: commands are in one of sh, and what is none in one of text, json and yaml",
		"a\n```sh title\na\n```\n":                   "x.md:2: write a fence as three backquotes and a language in small letters, alone on its line",
		"```\na\n```  \n```SH\n```\n":                "x.md:4: write a fence as three backquotes and a language in small letters, alone on its line",
		"```\na 1 \\\n```\n":                         "x.md:2: the command does not end in its fence",
		"```\nb\na 'x\n```\n":                        "x.md:3: the command does not end in its fence",
		"```\nwhile a; do\n b\n```\n":                "x.md:2: the command does not end in its fence",
		"```\na |\n```\n```\nb\n```\n":               "x.md:2: the command does not end in its fence",
		"```\nwhile a; do\nwhile b; do\ndone\n```\n": "x.md:2: the command does not end in its fence",
	} {
		if all, err := Commands("x.md", page); err == nil || err.Error() != want {
			t.Errorf("%q: %v, error %v, want %s", page, all, err, want)
		}
	}
}

// A line is mfawatch's wherever in a pipe the program stands, and not where its name is a
// word of another's.
func TestPlace(t *testing.T) {
	for text, want := range map[string]Place{
		"mfawatch audit":     Here,
		"bin/mfawatch audit": Here,
		"aws iam create-access-key |\n  mfawatch breakglass init": Here,
		`eval "$(mfawatch session ada)"`:                          Here,
		"aws s3 ls mfawatch x":                                    Peers,
		"$ mfawatch audit":                                        Peers, // no prompts: it would need an entry
		"make build":                                              Peers,
		"mfawatch key reseal --to kms:arn":                        Peers,
		"mfawatch key reseal --to age1":                           Here,
		"mfawatch breakglass enrol ada-totp":                      Peers,
		"diff <(mfawatch config check)":                           Peers,
		"mfawatch yubikey otp verify cccccccfhcjk --server https://api.yubico.com --client-id 1234 --api-key-file key.txt": Nowhere,
	} {
		if got := (Line{Text: text}).Place(); got != want {
			t.Errorf("%q is at place %d, want %d", text, got, want)
		}
	}
}

func TestLike(t *testing.T) {
	for text, want := range map[string]bool{"aws s3 ls --x\ny": true, "aws s3 ls": false, "aws s3 lsx": false, "  aws s3 ls --x": false} {
		if got := Like("aws s3 ls *", text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if Like("a.c", "abc") || !Like("a[].c $(d)", "a[].c $(d)") {
		t.Error("what is no * is not taken as it stands")
	}
}

func TestReadNothing(t *testing.T) {
	if all, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no page in docs") {
		t.Errorf("%v, error %v", all, err)
	}
}
