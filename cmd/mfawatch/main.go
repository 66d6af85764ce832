// Command mfawatch tells who signed in to AWS accounts without a second factor.
//
// It promises the exit codes of docs/design.md, plain output in a pipe, and
// that what it could not check is said and never counts as clean. It only wires
// packages to a terminal; every judgement is made in audit/*.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	if os.Getenv("GOGC") == "" {
		// The text of a large file is most of what is live; twice that would be
		// allowed to pile up as garbage beside it.
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second Ctrl-C ends the program at once
		<-ctx.Done()
		stop()
	}()
	return execute(ctx, terminal{in: newInput(ctx, os.Stdin), out: os.Stdout, err: os.Stderr}, os.Args[1:])
}
