package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// heart is an address outside AWS, such as a service that alarms when it is not
// asked for some time.
type heart struct {
	client http.Client
	url    string
}

// beatPatience is how long one beat may take, redirects included.
const beatPatience = 5 * time.Second

func newHeart(address string, by http.RoundTripper) heart {
	return heart{url: address, client: http.Client{Transport: by, Timeout: beatPatience, CheckRedirect: onlySafely}}
}

var (
	errUnsafe   = errors.New("redirected away from https")
	errRedirect = errors.New("redirected more than three times")
)

// onlySafely refuses a redirect that leaves HTTPS: the address holds a key.
func onlySafely(r *http.Request, via []*http.Request) error {
	switch {
	case r.URL.Scheme != "https":
		return errUnsafe
	case len(via) > 3:
		return errRedirect
	}
	return nil
}

// Beat asks the address. Its error repeats nothing of it.
func (h heart) Beat(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return errors.New("MFAWATCH_HEARTBEAT_URL is no URL")
	}
	r.Header.Set("User-Agent", "mfawatch")
	answer, err := h.client.Do(r)
	if err != nil {
		return unanswered(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10))
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("answered with status %d", answer.StatusCode)
	}
	return nil
}

// unanswered words an error of the client's, whose own text has the address.
func unanswered(err error) error {
	var timed net.Error
	var name *net.DNSError
	switch {
	case errors.Is(err, errUnsafe):
		return errUnsafe
	case errors.Is(err, errRedirect):
		return errRedirect
	case errors.As(err, &name):
		return errors.New("its host has no address")
	case errors.As(err, &timed) && timed.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	case strings.Contains(err.Error(), "certificate"), strings.Contains(err.Error(), "tls:"):
		return errors.New("no safe connection: its certificate is not good")
	}
	return errors.New("no answer")
}
