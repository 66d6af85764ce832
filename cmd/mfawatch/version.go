package main

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// build is what the program knows of how it was made.
type build struct {
	Version    string     `json:"version"`
	Commit     string     `json:"commit,omitempty"`      // none: the build does not say
	CommitTime *time.Time `json:"commit_time,omitempty"` // the commit's own
	Modified   *bool      `json:"modified,omitempty"`    // whether files were not as the commit has them
	Go         string     `json:"go"`
	OS         string     `json:"os"`
	Arch       string     `json:"arch"`
}

func built() build {
	info, _ := debug.ReadBuildInfo()
	return builtAs(version, info)
}

// builtAs is what the linker was told and what the compiler wrote down. A version that the
// linker was not told is the module's, which 'go install' knows.
func builtAs(told string, info *debug.BuildInfo) build {
	b := build{Version: told, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info == nil {
		return b
	}
	if told == "development" && info.Main.Version != "(devel)" {
		b.Version = cmp.Or(info.Main.Version, told)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			if at, err := time.Parse(time.RFC3339, s.Value); err == nil {
				b.CommitTime = &at
			}
		case "vcs.modified":
			modified := s.Value == "true"
			b.Modified = &modified
		}
	}
	return b
}

func (b build) text(columns int) string {
	rows := [][2]string{{"mfawatch", b.Version}, {"commit", cmp.Or(b.Commit, "not known: the build does not say")}}
	if b.CommitTime != nil {
		rows = append(rows, [2]string{"of", b.CommitTime.UTC().Format(time.RFC3339)})
	}
	if b.Modified != nil {
		rows = append(rows, [2]string{"files", map[bool]string{true: "changed since that commit", false: "as in that commit"}[*b.Modified]})
	}
	rows = append(rows, [2]string{"go", b.Go}, [2]string{"for", b.OS + "/" + b.Arch})
	return byName(rows, 0, columns)
}

func newVersion(t terminal) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "version",
		Short: "Say which mfawatch this is, and how it was built",
		Example: strings.TrimRight(`
  mfawatch version
  mfawatch version --format json`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format == "json" {
				return printJSON(t, built())
			}
			return writeText(t, "", built().text(width(t.out)))
		},
	}
	formatFlag(c, &format, "text", "json")
	return c
}
