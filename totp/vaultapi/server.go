// Package vaultapi serves the routes of HashiCorp Vault's TOTP engine, so that the vault
// command and Vault's client libraries make and check codes here as they do there.
//
// It promises what the engine does not. A code is accepted once, and none older
// afterwards, also by another process and after a restart. A wrong guess spends no code,
// is counted before it is compared, and too many make everybody wait and then lock the
// key. A step's code is shown to one caller. A token says which keys it is for and
// whether it may read codes, check them or manage keys, and a key that it is not for looks
// like one that is not there. No answer leaves before the record of it is written.
//
// It shows a secret only in the answer to who generated it, and only where the server
// was told that it may. No secret, code or token is in a record or an error. Without TLS
// it serves loopback only. It keeps nothing: keys, ledger, tokens and records are given
// to it.
//
// A token that reads codes is a second factor without a person: who holds it has MFA.
package vaultapi

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"

	"mfawatch/totp/ledger"
)

// What is not set.
const (
	defaultMount = "totp"
	defaultWait  = 45 * time.Second // longer than a period of 30 s, shorter than the 60 s that Vault's clients wait
)

// Server is what the routes are served from. Keys, Tokens, Audit and the stores of Prover
// and Verifier have to be there.
type Server struct {
	Keys     Keys
	Tokens   Tokens
	Audit    Audit
	Prover   ledger.Prover   // codes that are read
	Verifier ledger.Verifier // codes that are checked; a key's own skew takes the place of Slack

	Mount          string           // path of the engine; "" is totp
	MaxWait        time.Duration    // how long a reader waits for a step that nobody has; 0 is 45 s, below 0 nobody waits
	Remains        time.Duration    // how long a code that is read has to be good for; at most a period
	AllowExport    bool             // a generated secret may be shown, once, in the answer
	AllowOverwrite bool             // a key may be written over one that is there
	Hosts          []string         // names by which clients call the server, beside loopback's; with TLS and none, any
	Version        string           // as sys/health tells it
	Now            func() time.Time // nil is time.Now
	Random         io.Reader        // nil is crypto/rand's
}

var goodMount = regexp.MustCompile(`^\w[\w.-]*$`)

// Handler serves the routes. Who serves it by other means than Serve has to ask Check.
func (s *Server) Handler() (http.Handler, error) {
	h := &handler{Server: *s}
	switch {
	case s.Keys == nil || s.Tokens == nil || s.Audit == nil:
		return nil, errors.New("a server needs Keys, Tokens and Audit")
	case s.Prover.Store == nil || s.Verifier.Store == nil:
		return nil, errors.New("a server needs a store for Prover and for Verifier")
	case s.Remains < 0:
		return nil, fmt.Errorf("a code cannot have to be good for %v", s.Remains)
	}
	if h.Mount == "" {
		h.Mount = defaultMount
	}
	if !goodMount.MatchString(h.Mount) || h.Mount == "sys" || h.Mount == "auth" {
		return nil, fmt.Errorf("mount %q: give one name of letters, digits, dots and dashes that is neither sys nor auth", h.Mount)
	}
	if h.MaxWait == 0 {
		h.MaxWait = defaultWait
	}
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.Random == nil {
		h.Random = rand.Reader
	}
	return h, nil
}

// Serve serves on a listener until ctx ends, with TLS when there is a configuration for
// it. Then it takes no more requests, and ends those that wait for a step.
func (s *Server) Serve(ctx context.Context, l net.Listener, config *tls.Config) error {
	defer l.Close()
	if err := Check(l.Addr().String(), config); err != nil {
		return err
	}
	h, err := s.Handler()
	if err != nil {
		return err
	}
	server := h.(*handler).bounded(ctx)
	if config != nil {
		l = tls.NewListener(l, config)
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(soon)
	})
	err = server.Serve(l)
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		return <-stopped
	}
	return err
}

// bounded is a server that nobody can keep busy: a connection that says nothing, or
// reads nothing, is over before long, and one that waits for a step is not.
func (h *handler) bounded(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      max(h.MaxWait, 0) + 30*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
}
