// Command faults is the fault campaign: many invented sign-ins go through the
// judges and the delivery while everything that can fail does, and no sign-in
// without MFA may be lost.
//
// It promises to fail (exit code 1) when one is lost, when evidence is missing,
// when more messages were sent than faults explain, or when a queue keeps
// something that nobody can explain. It needs no AWS and no network: queue,
// stores and clock are in memory, and delivery's contract tests hold those
// stores to what DynamoDB and S3 do.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	p := plan{}
	flag.IntVar(&p.events, "events", 100_000, "sign-ins to make, one in a hundred without MFA")
	flag.Uint64Var(&p.seed, "seed", 1, "what the events and faults are drawn from")
	flag.IntVar(&p.workers, "workers", 8, "concurrent invocations")
	flag.Float64Var(&p.rate, "rate", 0.05, "how many of the calls fail, as a part of one")
	flag.Parse()
	begin := time.Now()
	c := newCampaign(p)
	c.run()
	misses := c.report(os.Stdout)
	fmt.Printf("took %s\n", time.Since(begin).Round(time.Millisecond))
	if misses > 0 {
		os.Exit(1)
	}
}
