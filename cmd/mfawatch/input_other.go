//go:build !linux

package main

import (
	"context"
	"os"
)

// waiting reads beside: not every system polls a terminal. What a read that was left
// behind takes is lost, with the program that ends.
type waiting struct{}

func (*waiting) begin(context.Context) {}

func (*waiting) await(f *os.File, ctx context.Context, p []byte) (int, error) {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return f.Read(p)
	}
	type read struct {
		n   int
		err error
	}
	own, done := make([]byte, len(p)), make(chan read, 1)
	go func() {
		n, err := f.Read(own)
		done <- read{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, own[:r.n]), r.err
	case <-ctx.Done():
		return 0, errWoken
	}
}
