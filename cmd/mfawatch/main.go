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
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second Ctrl-C ends the program at once
		<-ctx.Done()
		stop()
	}()
	return execute(ctx, terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
}
