package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit"
	"mfawatch/audit/report"
	"mfawatch/internal/outfile"
)

// outputFlags say what an audit is written as, and where.
type outputFlags struct {
	format   string
	files    []string
	only     []string
	diff     string
	region   string // of Security Hub
	severity string

	outcomes []audit.Outcome
	failOn   audit.Severity
}

func (f *outputFlags) add(c *cobra.Command) {
	formatFlag(c, &f.format, formats()...)
	c.Flags().StringArrayVarP(&f.files, "output", "o", nil, "also write this file in place of what it held, readable by you only; its name says the format ("+endings()+"); can be given again")
	c.Flags().StringSliceVar(&f.only, "only", nil, "list only these outcomes: fail, unknown, pass, not_applicable; counts and exit code are of all")
	completeFlag(c, "only", fixed("fail", "unknown", "pass", "not_applicable"))
	c.Flags().StringVar(&f.diff, "diff", "", "earlier audit in JSON: tells what is new, open since when, and resolved")
	f.severity = "low"
	choiceFlag(c, &f.severity, "fail-on", "mildest failure that ends with exit code 3", "low", "medium", "high", "critical")
	c.Flags().StringVar(&f.region, "security-hub-region", "", "Region of Security Hub, for asff (default: --region)")
}

func formats() (names []string) {
	for _, f := range report.AuditFormats() {
		names = append(names, string(f))
	}
	return names
}

// byEnding are the formats by the end of a file's name, the longest first.
var byEnding = []struct {
	ending string
	format report.AuditFormat
}{
	{".ocsf.json", report.AuditOCSF}, {".asff.json", report.AuditASFF}, {".sarif.json", report.AuditSARIF},
	{".html", report.AuditHTML}, {".json", report.AuditJSON}, {".csv", report.AuditCSV}, {".md", report.AuditMarkdown},
	{".sarif", report.AuditSARIF}, {".xml", report.AuditJUnit}, {".txt", report.AuditTable},
}

func endings() string {
	var all []string
	for _, e := range byEnding {
		all = append(all, e.ending)
	}
	return strings.Join(all, " ")
}

// destination is one place that an audit is written to.
type destination struct {
	file   string // empty: standard output
	format report.AuditFormat
}

// plan reads the flags before anything is asked of AWS: a wrong one costs
// nothing.
func (f *outputFlags) plan() ([]destination, error) {
	format, err := report.ParseAuditFormat(f.format)
	if err != nil {
		return nil, usage("--format: %v", err)
	}
	if f.outcomes, err = outcomes(f.only); err != nil {
		return nil, err
	}
	if err := f.failOn.UnmarshalText([]byte(f.severity)); err != nil {
		return nil, usage("--fail-on: %v", err)
	}
	plan := []destination{{format: format}}
	for _, name := range f.files {
		d, err := toFile(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(plan, d) {
			return nil, usage("-o %s is given twice", name)
		}
		plan = append(plan, d)
	}
	hub := slices.ContainsFunc(plan, func(d destination) bool { return d.format == report.AuditASFF })
	switch {
	case hub && f.region == "":
		return nil, usage("asff needs the Region of Security Hub: give --security-hub-region")
	case hub && !region.MatchString(f.region):
		return nil, usage("--security-hub-region: %q is not a Region; write eu-north-1", f.region)
	}
	return plan, nil
}

// region is what AWS calls Regions like.
var region = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

func toFile(name string) (destination, error) {
	if name == standardOutput {
		return destination{}, usage("-o -: the report is on standard output anyway, as --format says; -o is for files")
	}
	for _, e := range byEnding {
		if strings.HasSuffix(strings.ToLower(name), e.ending) {
			return destination{name, e.format}, nil
		}
	}
	return destination{}, usage("-o %s: the name says no format; end it with one of %s", name, endings())
}

func (d destination) write(t terminal, a report.Audit, o report.AuditOptions) error {
	if d.file == "" {
		o.Width, o.Color = width(t.out), colour(t.out)
		w := bufio.NewWriterSize(t.out, 64<<10)
		err := report.WriteAudit(w, d.format, a, o)
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return nil
	}
	err := outfile.Write(d.file, func(w io.Writer) error { return report.WriteAudit(w, d.format, a, o) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.err, "Wrote %s (%s).\n", report.Plain(d.file), d.format)
	return err
}

// previous reads the audit of --diff.
func (f *outputFlags) previous() (*report.Audit, error) {
	if f.diff == "" {
		return nil, nil
	}
	a, err := readAudit(f.diff)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

func readAudit(name string) (report.Audit, error) {
	file, err := os.Open(name)
	if err != nil {
		return report.Audit{}, cannotRun(fmt.Errorf("read an audit: %w", err))
	}
	defer file.Close()
	a, err := report.ReadAudit(name, file)
	if err != nil {
		return report.Audit{}, cannotRun(err)
	}
	return a, nil
}
