package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// input is standard input that a first Ctrl-C ends while a command waits for it: a read
// of a pipe or a terminal is not ended by a signal that the program handles itself.
type input struct {
	*os.File
	ctx context.Context
	waiting
}

// errWoken is a read that was given up because the context is over.
var errWoken = errors.New("woken")

// newInput reads a file until ctx is over.
func newInput(ctx context.Context, f *os.File) *input {
	i := &input{File: f, ctx: ctx}
	i.begin(ctx)
	return i
}

// Read is io.Reader's.
func (i *input) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, i.interrupted()
	}
	n, err := i.await(i.File, i.ctx, p)
	if err == errWoken {
		err = i.interrupted()
	}
	return n, err
}

// WriteTo hides the file's own, which would wait.
func (i *input) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{i}) }

func (i *input) interrupted() error { return fmt.Errorf("interrupted: %w", i.ctx.Err()) }

// file is what standard input is, where it is one: to ask on, and to hand on.
func (t terminal) file() (*os.File, bool) {
	switch in := t.in.(type) {
	case *os.File:
		return in, true
	case *input:
		return in.File, true
	}
	return nil, false
}
