package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// slow is how long a test takes that runs only when the others have passed.
const slow = 0.2 // seconds

// memoryLimit keeps a mutant that never stops growing from taking the machine
// down with it, in KiB of address space.
const memoryLimit = "8000000"

// lab is where mutants are built and tested.
type lab struct {
	dir     string
	cache   cache
	timeout time.Duration
	plans   map[*target][]string // patterns of tests, the quick ones first
}

// test decides the fate of the mutants, a few at a time.
func test(ctx context.Context, targets []*target, mutants []*mutant, o options, tick func()) error {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := &lab{dir: dir, timeout: o.timeout, plans: map[*target][]string{}}
	l.cache.dir = cmp.Or(o.cache, filepath.Join(dir, "cache"))
	for _, t := range targets {
		if l.plans[t], err = l.plan(ctx, t); err != nil {
			return err
		}
	}
	if o.cache == "" {
		l.cache.since = time.Now()
	}
	return l.all(ctx, mutants, o.workers, tick)
}

func (l *lab) all(ctx context.Context, mutants []*mutant, workers int, tick func()) error {
	jobs, errs := make(chan *mutant), make([]error, workers)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for m := range jobs {
				if errs[w] == nil {
					if errs[w] = l.decide(ctx, m, w); errs[w] != nil {
						stop()
					}
				}
				tick()
			}
		})
	}
	for _, m := range mutants {
		if ctx.Err() != nil {
			break
		}
		jobs <- m
	}
	close(jobs)
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// decide builds the tests with one mutant in them and runs them.
func (l *lab) decide(ctx context.Context, m *mutant, worker int) error {
	if !m.target.viable(m) {
		m.fate = notViable
		return nil
	}
	binary, overlay, changed := l.file(worker, "test"), l.file(worker, "overlay.json"), l.file(worker, "changed.go")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {m.source.path: changed}})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(changed, m.mutated(), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return err
	}
	switch _, err := l.build(ctx, m.target, binary, "-overlay="+overlay); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // the tests do not compile with it
		m.fate = notViable
		return nil
	}
	m.fate, err = l.try(ctx, m.target, binary)
	return err
}

func (l *lab) file(worker int, name string) string {
	return filepath.Join(l.dir, strconv.Itoa(worker)+"-"+name)
}

// try runs the tests in turn until one run fails.
func (l *lab) try(ctx context.Context, t *target, binary string) (fate, error) {
	for _, pattern := range l.plans[t] {
		_, err := l.tests(ctx, t, binary, "-test.failfast", "-test.run="+pattern)
		switch {
		case ctx.Err() != nil:
			return untested, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return hung, nil
		case err != nil:
			return killed, nil
		}
	}
	return survived, nil
}

// build compiles the tests of a package.
func (l *lab) build(ctx context.Context, t *target, binary string, flags ...string) ([]byte, error) {
	defer l.cache.use()()
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, append(flags, t.path)...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = t.root, append(os.Environ(), "GOCACHE="+l.cache.dir)
	return cmd.CombinedOutput()
}

// tests runs a test binary in its package's folder, within bounds of time and
// memory.
func (l *lab) tests(ctx context.Context, t *target, binary string, flags ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	args := append([]string{"-c", `ulimit -v ` + memoryLimit + `; exec "$0" "$@"`, binary, "-test.short"}, flags...)
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir, cmd.WaitDelay = t.dir, time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	return out, err
}

var ran = regexp.MustCompile(`(?m)^--- PASS: (\S+) \(([0-9.]+)s\)$`)

// plan runs the tests once without a mutant, and sorts them into quick and
// slow ones.
func (l *lab) plan(ctx context.Context, t *target) ([]string, error) {
	binary := l.file(0, "test")
	if out, err := l.build(ctx, t, binary); err != nil {
		return nil, fmt.Errorf("the tests of %s do not compile: %v\n%s", t.path, err, bytes.TrimSpace(out))
	}
	out, err := l.tests(ctx, t, binary, "-test.v")
	if err != nil {
		return nil, fmt.Errorf("the tests of %s fail without a mutant: %v\n%s", t.path, err, bytes.TrimSpace(out))
	}
	return patterns(t, out)
}

func patterns(t *target, verbose []byte) ([]string, error) {
	var groups [2][]string
	for _, m := range ran.FindAllStringSubmatch(string(verbose), -1) {
		group := 0
		if seconds, err := strconv.ParseFloat(m[2], 64); err != nil || seconds >= slow {
			group = 1
		}
		groups[group] = append(groups[group], regexp.QuoteMeta(m[1]))
	}
	var plan []string
	for _, names := range groups {
		if len(names) > 0 {
			plan = append(plan, "^("+strings.Join(names, "|")+")$")
		}
	}
	if len(plan) == 0 {
		return nil, fmt.Errorf("package %s has no tests", t.path)
	}
	return plan, nil
}
