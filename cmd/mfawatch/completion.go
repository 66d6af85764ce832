package main

import (
	"bufio"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that completion knows.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "completion " + strings.Join(shells, "|"),
		Short: "Print what completes mfawatch's command lines in a shell",
		Long: strings.TrimSpace(`
Prints a script for a shell to read. It completes commands, flags and their values, the
names of the keys that lie here and the profiles of the AWS configuration. To complete,
mfawatch opens no key, asks for nothing and asks nobody on the network.

For bash, with its package bash-completion; for zsh, where compinit runs; for fish:

  mfawatch completion bash > ~/.local/share/bash-completion/completions/mfawatch
  mfawatch completion zsh > "${fpath[1]}/_mfawatch"
  mfawatch completion fish > ~/.config/fish/completions/mfawatch.fish`),
		Example:   "  source <(mfawatch completion bash)",
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usage("name one shell: %s", strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(t.out, true)
			case "zsh":
				return root.GenZshCompletion(t.out)
			case "fish":
				return root.GenFishCompletion(t.out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(t.out)
			}
		},
	}
}

// completer finds what a shell offers. It is asked at each press of a key.
type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completeFlag has a shell offer values of a flag.
func completeFlag(c *cobra.Command, name string, find completer) {
	if err := c.RegisterFlagCompletionFunc(name, find); err != nil {
		panic(err) // there is no such flag, or it is given twice: seen by every test
	}
}

// fixed offers these and nothing else.
func fixed(values ...string) completer {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// completeAll has a shell offer the values of flags that mean the same everywhere.
func completeAll(c *cobra.Command) {
	for name, find := range map[string]completer{"profile": profiles, "code-of": keyNames, "key": keyNames} {
		if c.Flags().Lookup(name) != nil {
			if _, known := c.GetFlagCompletionFunc(name); !known {
				completeFlag(c, name, find)
			}
		}
	}
	if strings.Contains(c.Use, " NAME") || strings.Contains(c.Use, " DEVICE") {
		c.ValidArgsFunction = namesFor(c)
	}
	for _, sub := range c.Commands() {
		completeAll(sub)
	}
}

// ofKeys are the commands whose first argument is a key that lies here.
var ofKeys = []string{
	"code", "verify", "key show", "key export", "key qr", "key rm", "key clock-was-wrong",
	"device enable", "device resync", "device deactivate", "device delete",
}

// namesFor offers the names of keys where a key is meant, and nothing where something
// gets a new name: files would be wrong there.
func namesFor(c *cobra.Command) completer {
	if !slices.Contains(ofKeys, strings.TrimPrefix(c.CommandPath(), "mfawatch ")) {
		return cobra.NoFileCompletions
	}
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return keyNames(c, args, begun)
	}
}

// keyNames are the names of the keys that lie here, as their files say openly.
func keyNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	dir, err := statePath()
	h := home{dir}
	if _, missing := os.Stat(h.path("keys")); err != nil || missing != nil { // nothing is made by looking
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ring, err := h.closed()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, _ := ring.List() // what cannot be read is said by who needs it
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// sections are what heads a profile in AWS's two files.
var sections = regexp.MustCompile(`^\s*\[\s*(?:profile\s+)?([^\]\s]+)\s*\]`)

// profiles are those of the AWS configuration, without reading what is in them.
func profiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, name := range awsFiles() {
		found, _ := sectionsOf(name)
		names = append(names, found...)
	}
	slices.Sort(names)
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}

// awsFiles are the two files of profiles, where the AWS SDK looks for them.
func awsFiles() []string {
	home, _ := os.UserHomeDir()
	return []string{
		cmp.Or(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config")),
		cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")),
	}
}

func sectionsOf(name string) (found []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m := sections.FindStringSubmatch(lines.Text())
		if m != nil && !strings.HasPrefix(lines.Text(), "[sso-session") && !strings.HasPrefix(lines.Text(), "[services") {
			found = append(found, m[1])
		}
	}
	return found, lines.Err()
}

// subcommandNames are the commands right under the one that args name.
func subcommandNames(root *cobra.Command, args []string) (names []string) {
	c, _, err := root.Find(args)
	if err != nil {
		return nil
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name()+"\t"+sub.Short)
		}
	}
	return names
}
