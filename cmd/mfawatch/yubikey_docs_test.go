package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every command line of the pages about YubiKeys is one that there is, with its flags and
// its number of arguments.
func TestYubikeyPagesAreCommands(t *testing.T) {
	for name, least := range map[string]int{"../../docs/yubikey.md": 25, "../../docs/yubico-otp.md": 6} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := regexp.MustCompile(`(?m)^ *mfawatch (.*)$`).FindAllStringSubmatch(string(page), -1)
		if len(lines) < least {
			t.Errorf("%s: only %d commands found", name, len(lines))
		}
		for _, m := range lines {
			line, _, _ := strings.Cut(m[1], " < ")
			root := newRoot(terminal{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
			c, args, err := root.Find(strings.Fields(line))
			if err == nil {
				err = c.ParseFlags(args)
			}
			if err == nil && c.Args != nil {
				err = c.Args(c, c.Flags().Args())
			}
			if err != nil || !c.HasParent() || c.HasSubCommands() && c.Name() != "session" && c.Name() != "serve" {
				t.Errorf("%s: mfawatch %s: %s: %v", name, line, c.CommandPath(), err)
			}
		}
	}
}
