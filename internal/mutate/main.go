// Command mutate proves the cases: it changes one condition, constant or
// statement of a package at a time and runs the package's tests. A change that
// the tests let pass is a survivor, and a survivor is a case that nobody wrote,
// code that nobody needs, or a line in explained.txt that says why no test
// could tell the difference.
//
//	go run ./internal/mutate ./audit/signin ./audit/detect
//
// It never writes into the tree: a changed file reaches the compiler through
// go's -overlay, and everything else it makes is in a temporary folder. Tests
// run with -short, so a package must run its cases under -short too. It ends
// with 0 when every survivor is explained, with 1 when one is not or an
// explanation is stale, and with 2 when it could not do its work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command line.
type options struct {
	workers   int
	timeout   time.Duration
	only      string
	list      bool
	all       bool
	sample    int
	explained string
	cache     string // of the compiler; "": one of its own
	packages  []string
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.workers, "workers", 2, "how many mutants to test at a time")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long one run of the tests may take; a longer one is a kill")
	flags.StringVar(&o.only, "run", "", "test only mutants whose description contains `text`")
	flags.BoolVar(&o.list, "list", false, "list the mutants, test none")
	flags.BoolVar(&o.all, "all", false, "make also the mutants that others imply (see conditions.go)")
	flags.IntVar(&o.sample, "sample", 1, "test every `n`-th mutant only")
	flags.StringVar(&o.explained, "explained", "", "the file of explanations (default internal/mutate/explained.txt of the module)")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: mutate [flags] PACKAGE...")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.packages = flags.Args()
	if len(o.packages) == 0 || o.workers < 1 || o.sample < 1 || o.timeout <= 0 {
		return o, fmt.Errorf("wants packages, and numbers greater than zero (mutate -h)")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "mutate:", err)
		return 2
	}
	clean, err := mutate(ctx, o, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "mutate:", err)
		return 2
	case !clean:
		return 1
	}
	return 0
}

// mutate does the work. clean is false when a survivor is not explained or an
// explanation is stale.
func mutate(ctx context.Context, o options, stdout, stderr io.Writer) (clean bool, err error) {
	start := time.Now()
	targets, root, err := load(ctx, o.packages)
	if err != nil {
		return false, err
	}
	if o.explained == "" {
		o.explained = filepath.Join(root, "internal", "mutate", "explained.txt")
	}
	notes, err := readNotes(o.explained)
	if err != nil {
		return false, err
	}
	var all []*mutant
	for _, t := range targets {
		all = append(all, t.mutants(o.all)...)
	}
	chosen := choose(all, o)
	if o.list {
		for _, m := range chosen {
			fmt.Fprintln(stdout, m)
		}
		return true, nil
	}
	if err := test(ctx, targets, chosen, o, progressTo(stderr, len(chosen))); err != nil {
		return false, err
	}
	return report(stdout, all, chosen, notes, targets, time.Since(start)), nil
}

func choose(all []*mutant, o options) []*mutant {
	var chosen []*mutant
	matched := 0
	for _, m := range all {
		if !strings.Contains(m.String(), o.only) {
			continue
		}
		if matched%o.sample == 0 {
			chosen = append(chosen, m)
		}
		matched++
	}
	return chosen
}
