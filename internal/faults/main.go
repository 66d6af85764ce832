// Command faults is the fault campaign: many invented sign-ins go through the
// functions while everything that can fail does, and no sign-in without MFA may
// be lost.
//
// It promises to fail (exit code 1) when one is lost, when evidence is missing,
// when more messages were sent than faults explain, when an alert is not marked
// as sent, or when a queue keeps something that nobody can explain. It builds
// functions/signin and functions/reconcile and runs their binaries against
// stand-ins for Lambda and AWS on this machine: each call may be refused, go
// unanswered, or be the last that its process makes. -virtual drives delivery
// alone, in one process under a clock of its own, through orders of events that
// real time would take a day for. Neither needs AWS or a network.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	p := plan{}
	flag.IntVar(&p.events, "events", 100_000, "sign-ins to make, one in a hundred without MFA")
	flag.Uint64Var(&p.seed, "seed", 1, "what the events and faults are drawn from")
	flag.IntVar(&p.workers, "workers", 12, "concurrent invocations of functions/signin")
	flag.Float64Var(&p.rate, "rate", 0.05, "how many of the calls fail, as a part of one")
	inProcess := flag.Bool("virtual", false, "drive delivery in one process, under a clock of its own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	begin := time.Now()
	misses, err := drive(ctx, p, *inProcess, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
	fmt.Printf("took %s\n", time.Since(begin).Round(time.Millisecond))
	if misses > 0 {
		os.Exit(1)
	}
}

// drive runs one campaign, prints its report and counts its misses.
func drive(ctx context.Context, p plan, inProcess bool, out io.Writer) (int, error) {
	if inProcess {
		v := newVirtual(p)
		v.run()
		return v.report(out), nil
	}
	dir, err := os.MkdirTemp("", "mfawatch-faults-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	built, err := build(dir)
	if err != nil {
		return 0, err
	}
	w, err := newWire(p, built)
	if err != nil {
		return 0, err
	}
	defer w.close()
	w.run(ctx)
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return w.report(out), nil
}
