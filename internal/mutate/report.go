package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// report writes the survivors that nobody explained, the stale explanations
// and the counts. It is true when there are none of the first two.
func report(w io.Writer, all, chosen []*mutant, notes []note, targets []*target, took time.Duration) bool {
	counts, explained, unexplained, stale := map[fate]int{}, 0, 0, 0
	for _, m := range chosen {
		counts[m.fate]++
		if m.fate != survived {
			continue
		}
		if slices.ContainsFunc(notes, func(n note) bool { return n.explains(m) }) {
			explained++
			continue
		}
		unexplained++
		fmt.Fprintln(w, m)
	}
	for _, n := range notes {
		if n.about(targets) && n.stale(all) {
			stale++
			fmt.Fprintf(w, "%s: stale, it explains no survivor: %s\n", n.where, n.text)
		}
	}
	tested := len(chosen) - counts[notViable]
	fmt.Fprintf(w, "%d mutants: %d killed (%d of them ran out of time), %d survivors explained, %d not; %d more do not compile; %v\n",
		tested, counts[killed]+counts[hung], counts[hung], explained, unexplained, counts[notViable], took.Round(time.Second))
	return unexplained == 0 && stale == 0
}

// progressTo counts on a terminal, and nowhere else.
func progressTo(w io.Writer, total int) func() {
	file, ok := w.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	var done atomic.Int64
	return func() {
		fmt.Fprintf(file, "\r%d of %d mutants", done.Add(1), total)
		if done.Load() == int64(total) {
			fmt.Fprintln(file)
		}
	}
}
