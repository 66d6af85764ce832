package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// waiting is a pipe that becomes readable when the context is over, so that one poll
// waits for both.
type waiting struct{ over *os.File }

func (w *waiting) begin(ctx context.Context) {
	over, end, err := os.Pipe()
	if err != nil {
		return // no descriptors: reads wait as they would have
	}
	w.over = over
	context.AfterFunc(ctx, func() { _ = end.Close() })
}

// await reads when there is something. What is there is not taken when ctx is over: it
// may be meant for a command that comes after.
func (w *waiting) await(f *os.File, _ context.Context, p []byte) (int, error) {
	if w.over == nil {
		return f.Read(p)
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}, {Fd: int32(w.over.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err == nil && fds[1].Revents != 0:
			return 0, errWoken
		}
		return f.Read(p)
	}
}
