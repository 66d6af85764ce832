package main

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mfawatch/internal/manual"
)

// everyCommand is each command that runs, the hidden one too.
func everyCommand() []*cobra.Command {
	root := newRoot(terminal{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	all := manual.Commands(root)
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" {
			all = append(all, c)
		}
	}
	return all
}

// path is a command as it is typed after mfawatch.
func path(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "mfawatch"), " ")
}

// inExamples finds mfawatch in a line of an example: at its start, in a pipe, in $( ).
var inExamples = regexp.MustCompile(`(?:^|[|(&"] ?|&& )mfawatch ([^#\n|<>)&]*)`)

// Every command shows how it is used, in lines that the program takes.
func TestExamples(t *testing.T) {
	n := 0
	for _, c := range everyCommand() {
		named := false
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			for _, m := range inExamples.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
				n++
				var words []string
				for _, w := range word.FindAllString(m[1], -1) {
					words = append(words, strings.Trim(w, `'"`))
				}
				if err := known(words); err != nil {
					t.Errorf("%s: example %s: %v", path(c), m[0], err)
				}
				named = named || strings.HasPrefix(m[1], path(c)) || !c.HasParent()
			}
		}
		if !named {
			t.Errorf("%s has no example of itself: %q", path(c), c.Example)
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q", path(c), c.Short)
		}
	}
	if n < 150 {
		t.Errorf("only %d examples", n)
	}
}

// withoutJSON are the commands that print no JSON, and why.
var withoutJSON = map[string]string{
	"collect":                    "writes a snapshot, which is JSON",
	"config compile":             "writes the compiled file, which is JSON",
	"config init":                "writes a file of YAML for people",
	"demo":                       "shows people what scan and audit print, which have it",
	"completion":                 "writes a shell's script",
	"man":                        "writes man pages",
	"help":                       "is for people",
	"key export":                 "writes what other programs read: URIs, a transfer",
	"key qr":                     "draws",
	"serve":                      "serves; its record is JSON",
	"breakglass codes print":     "prints a sheet of paper",
	"breakglass codes new":       "prints the line of YAML for the rules",
	"breakglass enrol":           "prints the line of YAML for the rules",
	"breakglass log":             "prints the record, whose entries are JSON",
	"breakglass codes verify":    "answers yes or no: the exit code says it",
	"breakglass codes retire":    "does one thing: the exit code says that it is done",
	"breakglass approve":         "does one thing: the exit code says that it is done",
	"breakglass end":             "does one thing: the exit code says that it is done",
	"breakglass init":            "does one thing: the exit code says that it is done",
	"breakglass reconcile":       "does one thing: the exit code says that it is done",
	"breakglass revoke":          "does one thing: the exit code says that it is done",
	"breakglass rotate":          "does one thing: the exit code says that it is done",
	"breakglass unlock":          "does one thing: the exit code says that it is done",
	"device create":              "does one thing: the exit code says that it is done, and device list what there is",
	"device deactivate":          "does one thing: the exit code says that it is done",
	"device delete":              "does one thing: the exit code says that it is done",
	"device enable":              "does one thing: the exit code says that it is done",
	"device replace":             "does one thing: the exit code says that it is done, and device list what there is",
	"device resync":              "does one thing: the exit code says that it is done",
	"key add":                    "does one thing: the exit code says that it is done",
	"key clock-was-wrong":        "does one thing: the exit code says that it is done",
	"key reseal":                 "does one thing: the exit code says that it is done",
	"key restored":               "does one thing: the exit code says that it is done",
	"key rm":                     "does one thing: the exit code says that it is done",
	"serve token revoke":         "does one thing: the exit code says that it is done",
	"serve yubico-client revoke": "does one thing: the exit code says that it is done",
	"session forget":             "does one thing: the exit code says that it is done",
	"yubikey oath add":           "does one thing: the exit code says that it is done",
	"yubikey oath password":      "does one thing: the exit code says that it is done",
	"yubikey oath rename":        "does one thing: the exit code says that it is done",
	"yubikey oath rm":            "does one thing: the exit code says that it is done",
	"yubikey otp add":            "does one thing: the exit code says that it is done",
	"yubikey otp rm":             "does one thing: the exit code says that it is done",
}

// What prints a result prints it as JSON, or has a reason.
func TestJSONEverywhere(t *testing.T) {
	left := map[string]bool{}
	for _, c := range everyCommand() {
		f := c.Flags().Lookup("format")
		json := f != nil && slices.Contains(f.Value.(choice).of, "json")
		why := withoutJSON[path(c)]
		left[path(c)] = true
		switch onlyGroups := c.HasAvailableSubCommands() && f == nil && why == ""; {
		case onlyGroups:
			if err := execute(context.Background(), terminal{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, strings.Fields(path(c))); err != exitClean {
				t.Errorf("%s shows no help and has neither JSON nor a reason", path(c))
			}
		case json == (why != ""):
			t.Errorf("%s: has JSON %v, reason for none %q", path(c), json, why)
		}
	}
	for name := range withoutJSON {
		if !left[name] {
			t.Errorf("%q is no command", name)
		}
	}
}

// alike is what the texts of a flag have in common where they are not the same.
var alike = map[string]string{
	"security-hub-region": "Region of Security Hub, for asff",
	"profile":             "AWS profile", "format": "what to print: ", "bundle": "breakglass/bundle.age in $MFAWATCH_HOME", "url": "the door's function URL",
	"ticket": "ticket", "why": "what burns; it stands in the record", "door": "the door's name", "typed": "also where the key is sealed here",
	"no-touch": "codes want no touch, and any program that reaches the key can make them", "partition": "aws, aws-cn or aws-us-gov",
	"rules": "YAML file that sets", "duration": "how long", "external-id": "external id", "regions": "Regions", "show": "on a terminal",
}

// unlike are the flags that mean different things in different commands, and why that is
// easier than other names.
var unlike = map[string]string{
	"account":   "of a policy, of sign-ins, of a deployment, and the account name in a key's URI: each is what its command's objects call so",
	"device":    "your device at the door is known there by an id; a key is of an AWS device",
	"force":     "each says what is lost with it",
	"from":      "an audit begins from files, a record from an entry",
	"guardrail": "one is made, one is planned for, one is deployed with its groups: each is a guardrail",
	"key":       "the name of a sealed key, or the device it is of where AWS is asked with it",
	"offline":   "the door's offline way asks AWS; doctor's asks nobody",
	"output":    "audits write several files, whose names say the format; others write one",
	"path":      "of a new device, or of the user whom a policy is explained for: IAM calls both so",
	"record":    "the door's is a folder of a chain, the server's a file of lines",
	"region":    "Regions to filter sign-ins by are several; asked is in one",
	"role":      "a name in each account, a name in the door's rules, an ARN: what is known when it is typed",
	"to":        "recipients that keys are sealed to; reconcile sends to a folder",
	"user":      "IAM's word for each: of the bundle, of the device, to be explained, of sign-ins",
	"yes":       "what is destroyed is named again; config init only answers its own questions",
	"yubikey":   "a flag that may have a serial number (=SERIAL) where a YubiKey is one of two ways, and a serial number where it is the only one",
}

// A flag has one type, one shorthand and one text wherever it is.
func TestFlagsMeanTheSame(t *testing.T) {
	type use struct {
		flag *pflag.Flag
		path string
	}
	flags := map[string][]use{}
	for _, c := range everyCommand() {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && f.Name != "version" {
				flags[f.Name] = append(flags[f.Name], use{f, path(c)})
			}
		})
	}
	for name, uses := range flags {
		same, common := true, true
		for _, u := range uses {
			first := uses[0].flag
			same = same && u.flag.Usage == first.Usage
			common = common && alike[name] != "" && strings.Contains(u.flag.Usage, alike[name])
			if u.flag.Shorthand != first.Shorthand || u.flag.Value.Type() != first.Value.Type() {
				same, common = false, false
			}
		}
		switch why := unlike[name]; {
		case why != "" && (same || common):
			t.Errorf("--%s is the same everywhere: it needs no reason", name)
		case why == "" && !same && !common:
			for _, u := range uses {
				t.Errorf("--%s of %s: %s, -%s, %s", name, u.path, u.flag.Value.Type(), u.flag.Shorthand, u.flag.Usage)
			}
		}
	}
	for name := range unlike {
		if flags[name] == nil {
			t.Errorf("there is no --%s", name)
		}
	}
}

// refusedBy runs a command line that is wrong, and asserts how that is said: one line that
// names the command, and one that says where its help is.
func refusedBy(t *testing.T, c *cobra.Command, says string, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, append(strings.Fields(path(c)), args...))
	said, lines := errs.String(), strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
	if code != exitUsage || out.Len() > 0 || len(lines) != 2 || !strings.HasPrefix(said, c.CommandPath()+": ") || lines[1] != "See '"+c.CommandPath()+" --help'." || !strings.Contains(said, says) {
		t.Errorf("%s %q ends with %d and says %q, want %q", c.CommandPath(), args, code, said, says)
	}
	for _, cobras := range []string{"unknown flag", "unknown shorthand", "unknown command", "accepts ", "invalid argument", "flag needs"} {
		if strings.Contains(said, cobras) {
			t.Errorf("%s %q says %q", c.CommandPath(), args, said)
		}
	}
}

// What is typed wrongly is refused in one shape, by every command.
func TestUsageErrors(t *testing.T) {
	arguments, values := 0, 0
	seen := map[string]bool{} // a flag of one text is tried in one of its commands
	for _, c := range everyCommand() {
		refusedBy(t, c, "there is no flag --no-such-flag", "--no-such-flag")
		refusedBy(t, c, "there is no flag -Z", "-Z")
		for _, args := range [][]string{nil, {"a"}, {"a", "b", "c", "d"}} {
			if c.ValidateArgs(args) != nil {
				arguments++
				refusedBy(t, c, "", args...)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if seen[f.Name+f.Usage] {
				return
			}
			seen[f.Name+f.Usage] = true
			if f.NoOptDefVal == "" {
				refusedBy(t, c, "--"+f.Name+" needs a value", "--"+f.Name)
			}
			switch f.Value.Type() {
			case "int", "int64", "uint32", "float64", "duration", "bool", "stringToString":
				values++
				refusedBy(t, c, "--"+f.Name+` "nonsense" is n`, "--"+f.Name+"=nonsense")
			}
			if _, few := f.Value.(choice); few {
				values++
				refusedBy(t, c, "--"+f.Name+` "nonsense" is not one of `, "--"+f.Name, "nonsense")
			}
		})
	}
	if arguments < 80 || values < 60 {
		t.Errorf("only %d wrong arguments and %d wrong values were tried", arguments, values)
	}
}

// A command or a flag that is nearly right is named.
func TestNearNames(t *testing.T) {
	for line, want := range map[string]string{
		"scna":                   `mfawatch: there is no command "scna"; did you mean mfawatch scan?`,
		"key lst":                `mfawatch key: there is no command "lst"; did you mean mfawatch key list?`,
		"yubikey oath ad":        `mfawatch yubikey oath: there is no command "ad"; did you mean mfawatch yubikey oath add?`,
		"nope":                   `mfawatch: there is no command "nope"` + "\n", // and not code
		"completely-else":        `mfawatch: there is no command "completely-else"` + "\n",
		"help key lst":           `mfawatch help: there is no command "lst"; did you mean mfawatch key list?`,
		"help code x":            `mfawatch help: mfawatch code has no commands under it`,
		"scan --fromat json":     "mfawatch scan: there is no flag --fromat; did you mean --format?",
		"audit --exemption x":    "mfawatch audit: there is no flag --exemption; did you mean --exemptions?",
		"audit --completly-else": "mfawatch audit: there is no flag --completly-else\n",
		"code":                   "mfawatch code: NAME is missing",
		"code a b":               "mfawatch code: it takes NAME, and 2 were given",
		"version 1":              "mfawatch version: it takes no arguments, and 1 was given",
	} {
		if code, said := ends(t, "", strings.Fields(line)...); code != exitUsage || !strings.HasPrefix(said, want) {
			t.Errorf("mfawatch %s ends with %d and says %q, want %q", line, code, said, want)
		}
	}
}

// Every duration that is written without a unit is refused with the flag's name, and with
// what may be meant.
func TestDurations(t *testing.T) {
	n := 0
	for _, c := range everyCommand() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "duration" {
				return
			}
			n++
			for text, want := range map[string]string{
				"15":   `--` + f.Name + ` "15" has no unit: write 15m for minutes, or 15s for seconds`,
				"1.5":  `--` + f.Name + ` "1.5" has no unit: write 1.5m for minutes, or 1.5s for seconds`,
				"soon": `--` + f.Name + ` "soon" is not a duration: write 90s, 15m or 12h`,
			} {
				if err := flagError(c, c.ParseFlags([]string{"--" + f.Name, text})); err.Error() != want {
					t.Errorf("%s: %v, want %s", path(c), err, want)
				}
			}
		})
	}
	if n < 7 {
		t.Errorf("only %d flags are durations", n)
	}
}

// longestExample is how wide a line of an example is in help, its indent counted.
const longestExample = 100

// An example is read on a terminal and pasted from it: a long one goes on in the next line
// after a backslash, which ends its line, as a shell wants it.
func TestExamplesAreNarrow(t *testing.T) {
	for _, c := range everyCommand() {
		for line := range strings.Lines(c.Example) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > longestExample {
				t.Errorf("%s: an example of %d columns: %s", path(c), n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: an example ends with a blank, and a backslash before it goes on nowhere: %q", path(c), line)
			}
		}
	}
}
