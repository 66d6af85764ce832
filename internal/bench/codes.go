package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/pquerna/otp"
	peer "github.com/pquerna/otp/totp"

	"mfawatch/totp"
)

// flat is by how much the time to check a code may differ between the steps it can be
// of. pquerna/otp stops at the first that matches, which is told beside it.
const flat = 1.25

// checks are how many codes one round checks.
const checks = 20_000

// checked is one code that is checked, by whom.
type checked struct {
	who, of string
	verify  func() bool
	want    bool
	times   []time.Duration
	allocs  uint64
}

// codes prints what checking a code costs, whichever step it is of, beside pquerna/otp's
// own check.
func codes(rounds int) error {
	all, err := checkedCodes()
	if err != nil {
		return err
	}
	for range rounds {
		for i := range all {
			if err := all[i].round(); err != nil {
				return err
			}
		}
	}
	fmt.Printf("checking a code: SHA1, 6 digits, the step before, its own and the next\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, c := range all {
		fmt.Fprintf(w, "  %s\t%s\t%d ns\t%d allocations\n", c.who, c.of, median(c.times).Nanoseconds()/checks, c.allocs)
	}
	for _, who := range []string{"totp.Verify", "pquerna/otp"} {
		spread := spreadOf(all, who)
		bar := ""
		if who == "totp.Verify" {
			bar = held(spread <= flat, "at most %.2f", flat)
		}
		fmt.Fprintf(w, "  %s\tslowest to fastest\t%.2f\t%s\n", who, spread, bar)
	}
	_ = w.Flush()
	fmt.Println()
	return nil
}

func spreadOf(all []checked, who string) float64 {
	var medians []time.Duration
	for _, c := range all {
		if c.who == who {
			medians = append(medians, median(c.times))
		}
	}
	return float64(slices.Max(medians)) / float64(slices.Min(medians))
}

func (c *checked) round() error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := cpu(func() error {
		for range checks {
			if c.verify() != c.want {
				return fmt.Errorf("%s, %s: the answer is not %v", c.who, c.of, c.want)
			}
		}
		return nil
	})
	runtime.ReadMemStats(&after)
	c.times, c.allocs = append(c.times, took), (after.Mallocs-before.Mallocs)/checks
	return err
}

func checkedCodes() ([]checked, error) {
	key, err := totp.New(totp.Settings{Account: "bench"}, []byte("12345678901234567890"))
	if err != nil {
		return nil, err
	}
	now := time.Unix(1_800_000_005, 0)
	present, err := key.Step(now)
	if err != nil {
		return nil, err
	}
	opts := peer.ValidateOpts{Period: 30, Skew: 1, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	var all []checked
	for _, of := range []struct {
		name string
		step int64
	}{{"a code of the step before", present - 1}, {"of its own step", present}, {"of the next", present + 1}, {"a wrong one", present + 99}} {
		code, err := key.At(of.step)
		if err != nil {
			return nil, err
		}
		right := of.step <= present+1
		all = append(all,
			checked{who: "totp.Verify", of: of.name, want: right, verify: func() bool {
				_, err := key.Verify(code, now, totp.Used{Slack: 1})
				return err == nil
			}},
			checked{who: "pquerna/otp", of: of.name, want: right, verify: func() bool {
				ok, err := peer.ValidateCustom(code, key.Secret(), now, opts)
				return ok && err == nil
			}})
	}
	return all, nil
}
