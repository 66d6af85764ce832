// Command bench prints what the scanner costs as ratios to bases taken in the
// same run: decompression alone, and a typed encoding/json reader; what checking a
// code costs beside pquerna/otp's own check; and what the Lambda functions cost:
// their starts beside a bare bootstrap's, their memory, their size, and events for a
// second of processor time by source.
//
// It promises figures that a noisy machine cannot flatter: processor time, not
// wall time, in interleaved rounds, of which the medians are compared. It makes
// its corpora with mfawatch's own generator and removes them.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"mfawatch/internal/corpus"
)

func main() {
	records := flag.Int("records", 300_000, "records in each large corpus")
	rounds := flag.Int("rounds", 5, "interleaved rounds")
	starts := flag.Int("starts", 21, "interleaved starts of each function")
	only := flag.String("only", "", "measure only this: scan, codes or functions")
	flag.Parse()
	if err := measureAll(*only, *records, *rounds, *starts); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if missed > 0 {
		fmt.Printf("%d bars missed\n", missed)
		os.Exit(1)
	}
}

// measureAll measures the scan, the check of codes and the functions, or one of them.
func measureAll(only string, records, rounds, starts int) error {
	if !slices.Contains([]string{"", "scan", "codes", "functions"}, only) {
		return fmt.Errorf("-only %q: give scan, codes, functions, or nothing for all", only)
	}
	if rounds < 1 || starts < 1 || records < 1 {
		return errors.New("-records, -rounds and -starts have to be one or more")
	}
	fmt.Printf("%s %s/%s, %d processors, CPU time, median of %d interleaved rounds\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	steps := []struct {
		name string
		run  func() error
	}{
		{"scan", func() error { return run(records, rounds) }},
		{"codes", func() error { return codes(rounds) }},
		{"functions", func() error { return functions(starts, rounds) }},
	}
	for _, s := range steps {
		if only == "" || only == s.name {
			if err := s.run(); err != nil {
				return err
			}
		}
	}
	return nil
}

// shape is one corpus and the bar its ratios are held to.
type shape struct {
	name string
	spec corpus.Spec
	must float64 // scan against decompression, at most
	// mustAll is that with every detection on; 0 where there is no bar.
	mustAll float64
	want    []Contestant
}

// missed is how many bars were missed so far.
var missed int

// held says what the bar is and whether it was met.
func held(met bool, format string, args ...any) string {
	bar := fmt.Sprintf(format, args...)
	if strings.HasSuffix(bar, "at most 0.00") {
		return ""
	}
	if met {
		return bar + ": met"
	}
	missed++
	return bar + ": MISSED"
}

// aimed says what a goal is and whether it was reached. Unlike a bar it does not
// fail the run: a goal is what we would like, and says how far off we are.
func aimed(reached bool, format string, args ...any) string {
	goal := "goal: " + fmt.Sprintf(format, args...)
	if reached {
		return goal + ": reached"
	}
	return goal + ": not reached"
}

func shapes(records int) []shape {
	rate := func(r float64) corpus.Spec { return corpus.Spec{Seed: 1, Records: records, SignInRate: r} }
	fast := []Contestant{decompress, verdicts, everything}
	return []shape{
		{"0.01 % sign-ins", rate(.0001), 1.35, 1.80, append(fast, typedJSON, jq)},
		{"0.1 % sign-ins", rate(.001), 1.45, 1.80, fast},
		{"1 % sign-ins", rate(.01), 1.55, 1.80, fast},
		{"tiny files", corpus.Spec{Seed: 1, Records: records / 5, SignInRate: .001, Tiny: true}, 1 / .75, 0, fast},
	}
}

func run(records, rounds int) error {
	dir, err := os.MkdirTemp("", "mfawatch-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i, s := range shapes(records) {
		sub := filepath.Join(dir, fmt.Sprint(i))
		if err := measure(sub, s, rounds); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := os.RemoveAll(sub); err != nil {
			return err
		}
	}
	return enforcement()
}

func measure(dir string, s shape, rounds int) error {
	m, err := corpus.Generate(dir, s.spec)
	if err != nil {
		return err
	}
	files, err := list(dir)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d files, %d records, %.0f MB of JSON, %.1f:1\n", s.name, m.Files, m.Records, float64(m.JSONBytes)/1e6, m.Ratio())
	times := map[string][]time.Duration{}
	var order []Contestant
	for _, c := range s.want {
		if c.available() {
			order = append(order, c)
		} else {
			fmt.Printf("  %s: not installed\n", c.name)
		}
	}
	for range rounds {
		for _, c := range order {
			spent, err := cpu(func() error { return c.run(dir, files, m) })
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			times[c.name] = append(times[c.name], spent)
		}
	}
	table(s, order, times, m)
	if err := memory(dir, m); err != nil {
		return err
	}
	if strings.HasPrefix(s.name, "0.1 ") {
		return parallel(dir)
	}
	fmt.Println()
	return nil
}

func table(s shape, order []Contestant, times map[string][]time.Duration, m corpus.Manifest) {
	base := median(times[decompress.name])
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, c := range order {
		t := median(times[c.name])
		spread := float64(slices.Max(times[c.name])-slices.Min(times[c.name])) / float64(t) * 100
		ratio, faster := float64(t)/float64(base), float64(t)/float64(median(times[verdicts.name]))
		bar := ""
		switch c.name {
		case verdicts.name:
			bar = held(ratio <= s.must, "at most %.2f", s.must)
		case everything.name:
			bar = held(ratio <= s.mustAll || s.mustAll == 0, "at most %.2f", s.mustAll)
		case typedJSON.name:
			bar = held(faster >= 3.5, "the scan is %.1fx faster; at least 3.5x", faster)
		case jq.name:
			bar = held(faster >= 10, "the scan is %.1fx faster; at least 10x", faster)
		}
		fmt.Fprintf(w, "  %s\t%.2f\t%.0f MB/s\t(spread %.0f %%)\t%s\n", c.name, ratio, float64(m.JSONBytes)/1e6/t.Seconds(), spread, bar)
	}
	_ = w.Flush()
}

func median[T cmp.Ordered](d []T) T {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

// cpu gives the user and system time that f takes, of this process and of the
// children it waits for.
func cpu(f func() error) (time.Duration, error) {
	runtime.GC()
	before := spent()
	err := f()
	return spent() - before, err
}

func spent() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// list gives the files, the largest first: the order in which a scan reads
// them.
func list(dir string) ([]string, error) {
	var files []string
	size := map[string]int64{}
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, p)
			info, err := e.Info()
			if err != nil {
				return err
			}
			size[p] = info.Size()
		}
		return err
	})
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(size[b], size[a]) })
	return files, err
}
