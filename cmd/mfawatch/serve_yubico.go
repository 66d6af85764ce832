package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"mfawatch/totp/ledger"
	"mfawatch/totp/yubikey/otp"
	"mfawatch/totp/yubikey/validation"
)

// yubicoListen is where OTPs are checked unless --listen says otherwise.
const yubicoListen = "127.0.0.1:8201"

// serveYubico answers by the keys that are sealed here when it starts.
func (f serveFlags) serveYubico(ctx context.Context, t terminal, config *tls.Config) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	kept, floor, err := h.ledger(ctx)
	if err != nil {
		return err
	}
	clients := clientFile(h, f.clients)
	if _, err := clients.read(); err != nil {
		return err
	}
	keys, n, err := (&opener{unlocking: f.unlocking, t: t, home: h}).otpKeys(ctx)
	if err != nil {
		return err
	}
	if f.record == "" {
		f.record = h.path("serve-yubico.log")
	}
	record, err := openRecord(h, f.record)
	if err != nil {
		return err
	}
	defer record.Close()
	lines := &otpLines{file: record}
	defer lines.end()
	s, err := validation.NewServer(validation.Service{Callers: clients, Keys: keys, Ledger: ledger.Verifier{Store: kept, Floor: floor}, Auditor: lines})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", f.listen, err)
	}
	scheme := "http"
	if config != nil {
		scheme, l = "https", tls.NewListener(l, config)
	}
	fmt.Fprintf(t.err, "Checking OTPs of %d keys on %s://%s%s, until interrupted.\n", n, scheme, l.Addr(), validation.Path)
	return serveUntil(ctx, l, s)
}

// otpKeys opens every credential that is sealed here.
func (o *opener) otpKeys(ctx context.Context) (validation.FixedKeys, int, error) {
	headers, err := o.home.otpHeaders()
	if err != nil {
		return nil, 0, err
	}
	var all []otp.Credential
	for _, h := range headers {
		c, err := o.otpCredential(ctx, h)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, c)
	}
	keys, err := validation.NewFixedKeys(all...)
	return keys, len(all), err
}

// serveUntil serves until ctx ends. Nobody can keep it busy with a connection that says
// nothing.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(soon)
	})
	err := server.Serve(l)
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		return <-stopped
	}
	return err
}
