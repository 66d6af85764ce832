package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/klauspost/compress/gzip"

	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
	"mfawatch/audit/trail"
	"mfawatch/internal/corpus"
)

// Contestant answers the same question on the same files: which records are
// sign-ins. It fails when its answer is not the manifest's.
type Contestant struct {
	name      string
	available func() bool
	run       func(dir string, files []string, m corpus.Manifest) error
}

func always() bool { return true }

var (
	decompress = Contestant{"decompress only (klauspost)", always, runDecompress}
	verdicts   = Contestant{"mfawatch, sign-ins only", always, runVerdicts}
	everything = Contestant{"mfawatch, every detection", always, runEverything}
	typedJSON  = Contestant{"encoding/json typed (klauspost gzip)", always, runTyped}
	jq         = Contestant{"zcat | jq", hasJQ, runJQ}
)

func hasJQ() bool {
	_, err := exec.LookPath("jq")
	return err == nil
}

// runDecompress is the base: one reader and one buffer for all files.
func runDecompress(_ string, files []string, m corpus.Manifest) error {
	var z gzip.Reader
	buf := make([]byte, m.LargestJSON+1)
	var total int64
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := z.Reset(bytes.NewReader(data)); err != nil {
			return err
		}
		n, err := io.ReadFull(&z, buf)
		if err != io.ErrUnexpectedEOF {
			return fmt.Errorf("%s: %w", name, err)
		}
		total += int64(n)
	}
	return same("bytes of JSON", total, m.JSONBytes)
}

func runVerdicts(_ string, files []string, m corpus.Manifest) error {
	var wants []trail.Want
	for _, i := range signin.Interests() {
		wants = append(wants, trail.Want{Name: i.Name, Source: i.Source})
	}
	s := trail.NewScanner(trail.Options{Wants: wants})
	var n, records int64
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		stats := s.Scan(trail.Input{Reader: f, Size: info.Size(), Tail: f}, func(record []byte) {
			if v := signin.Judge(record, signin.Rules{}); v.SignIn() {
				n++
			}
		})
		f.Close()
		records += int64(stats.Records)
	}
	if err := same("records", records, int64(m.Records)); err != nil && m.Decoys["nested-record"] == 0 {
		return err
	}
	return same("sign-ins", n, int64(m.SignIns))
}

func runEverything(dir string, _ []string, m corpus.Manifest) error {
	r := scanAll(dir, 1)
	return same("sign-ins", int64(r.Summary.SignIns+r.Summary.Duplicates), int64(m.SignIns))
}

func scanAll(dir string, workers int) scan.Result {
	return scan.Run(context.Background(), scan.Files([]string{dir}, nil), scan.Options{Workers: workers})
}

// runTyped is what one would write first: a small struct and encoding/json.
func runTyped(_ string, files []string, m corpus.Manifest) error {
	var n int64
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		var log struct {
			Records []struct{ EventName, EventSource string }
		}
		if err := json.NewDecoder(z).Decode(&log); err != nil {
			return err
		}
		f.Close()
		for _, r := range log.Records {
			if r.EventSource == signin.Source && (r.EventName == "ConsoleLogin" || r.EventName == "UserAuthentication") {
				n++
			}
		}
	}
	return same("sign-ins", n, int64(m.SignIns))
}

func runJQ(_ string, files []string, m corpus.Manifest) error {
	const program = `.Records[]|select(.eventSource=="signin.amazonaws.com" and (.eventName=="ConsoleLogin" or .eventName=="UserAuthentication"))|.eventID`
	zcat := exec.Command("zcat", files...)
	jq := exec.Command("jq", "-c", program)
	pipe, err := zcat.StdoutPipe()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	jq.Stdin, jq.Stdout = pipe, &out
	for _, c := range []*exec.Cmd{zcat, jq} {
		if err := c.Start(); err != nil {
			return err
		}
	}
	for _, c := range []*exec.Cmd{jq, zcat} {
		if err := c.Wait(); err != nil {
			return err
		}
	}
	return same("sign-ins", int64(bytes.Count(out.Bytes(), []byte("\n"))), int64(m.SignIns))
}

func same(what string, got, want int64) error {
	if got != want {
		return fmt.Errorf("%d %s, the generator made %d", got, what, want)
	}
	return nil
}

// parallel prints the wall-clock gain of two workers.
func parallel(dir string) error {
	if runtime.GOMAXPROCS(0) < 2 {
		fmt.Println("  one processor: no speed-up to measure")
		return nil
	}
	best := func(workers int) time.Duration {
		var times []time.Duration
		for range 3 {
			start := time.Now()
			scanAll(dir, workers)
			times = append(times, time.Since(start))
		}
		return median(times)
	}
	one, two := best(1), best(2)
	gain := float64(one) / float64(two)
	fmt.Printf("  two workers: %.2fx the speed of one (wall, idle cores assumed); %s\n\n", gain, held(gain >= 1.85, "at least 1.85x"))
	return nil
}

// memory prints what one worker needs at the most, measured in a process of a program
// that links the scan alone, against 1.6 times the largest file with its text, and 16 MiB.
func memory(dir string, m corpus.Manifest) error {
	scan := exec.Command("go", "run", "./internal/bench/testdata/scan", dir)
	scan.Stderr = os.Stderr
	out, err := scan.Output()
	if err != nil {
		return fmt.Errorf("measure memory: %w", err)
	}
	var peak int64
	if _, err := fmt.Sscan(string(out), &peak); err != nil || peak == 0 {
		fmt.Println("  peak memory: not told by this system")
		return nil
	}
	bound := int64(1.6*float64(m.LargestFile+m.LargestJSON)) + 16<<20
	fmt.Printf("  peak memory of one worker: %d MiB; %s\n", peak>>20, held(peak <= bound, "at most %d MiB", bound>>20))
	return nil
}
