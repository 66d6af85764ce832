package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
)

// state is what became of looking at something.
type state string

const (
	works    state = "ok"
	broken   state = "not_ok"
	leftOut  state = "not_tried" // it is not there, or not asked for
	notKnown state = "not_known" // it was tried, and nobody can tell
)

func (s state) words() string { return strings.ReplaceAll(string(s), "_", " ") }

// tried is one thing that was looked at.
type tried struct {
	Check  string `json:"check"`
	State  state  `json:"state"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// doctor looks at what mfawatch needs. It changes nothing, opens nothing that is sealed,
// and asks for nothing.
type doctor struct {
	t               terminal
	profile, region string
	offline         bool
	rows            []tried
}

// The most that is waited, for one answer and for all of AWS.
const (
	onePatience = 8 * time.Second
	allPatience = 25 * time.Second
)

func newDoctor(t terminal) *cobra.Command {
	d := doctor{t: t}
	var format string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what works here, and the fix of each thing that does not",
		Long: strings.TrimSpace(`
Looks at what mfawatch needs: the folder of its keys, who else could read it, the ledger,
the offline bundle, YubiKeys, this terminal; and with AWS the credentials, the clock, what
an audit has to be allowed, the trail that records sign-ins, the Regions, and the emergency
door where one is remembered. It changes nothing, opens no key, asks for no code, and shows
no secret.

A row is ok, not ok with its fix, not tried because it is not there or not asked for, or
not known where it was tried and there was no answer that tells. With --offline AWS and
the network are left alone. A call of AWS is waited for 8 seconds, and all of them for 25.

Exit codes: 0 nothing is wrong with what was tried, 2 usage, 3 something is not ok, 4
nothing is, but something is not known.`),
		Example: strings.TrimRight(`
  mfawatch doctor
  mfawatch doctor --profile security
  mfawatch doctor --offline --format json`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return d.run(c.Context(), format) },
	}
	c.Flags().StringVar(&d.profile, "profile", "", "AWS profile")
	c.Flags().StringVar(&d.region, "region", "", "AWS Region (default: the profile's)")
	c.Flags().BoolVar(&d.offline, "offline", false, "ask neither AWS nor the network")
	formatFlag(c, &format, "table", "json")
	return c
}

func (d *doctor) run(ctx context.Context, format string) error {
	d.here(ctx)
	d.cloud(ctx)
	d.say(d.door(ctx))
	if ctx.Err() != nil {
		return cannotRun(fmt.Errorf("interrupted"))
	}
	if err := d.print(format); err != nil {
		return err
	}
	has := func(s state) bool { return slices.ContainsFunc(d.rows, func(r tried) bool { return r.State == s }) }
	switch {
	case has(broken):
		return exit{code: exitFindings}
	case has(notKnown):
		return exit{code: exitUnchecked}
	}
	return nil
}

func (d *doctor) say(rows ...tried) { d.rows = append(d.rows, rows...) }

func (d *doctor) print(format string) error {
	if format == "json" {
		return printJSON(d.t, struct {
			Schema string  `json:"schema"`
			Checks []tried `json:"checks"`
		}{"mfawatch/doctor/v1", d.rows})
	}
	return writeText(d.t, "", d.table(width(d.t.out)))
}

// table is a row for each thing, and its fix under it. On a narrow terminal what is said
// stands under the name.
func (d *doctor) table(columns int) string {
	if columns == 0 || columns > 100 {
		columns = 100
	}
	indent := strings.Repeat(" ", 31)
	head := "%-9s  %-18s  "
	if columns < 70 {
		indent, head = "  ", "%s  %s\n  "
	}
	var b strings.Builder
	for _, r := range d.rows {
		fmt.Fprintf(&b, head, r.State.words(), r.Check)
		b.WriteString(wrappedTo(columns, report.Plain(r.Detail), indent) + "\n")
		if r.Fix != "" {
			b.WriteString(indent + wrappedTo(columns, "fix: "+report.Plain(r.Fix), indent) + "\n")
		}
	}
	return b.String()
}
