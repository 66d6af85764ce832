package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/totp/ledger"
	"mfawatch/totp/vaultapi"
)

type serveFlags struct {
	unlocking
	vault, yubico         bool
	clients               string
	listen, cert, key     string
	hosts                 []string
	export, overwrite     bool
	tokens, record, mount string
	wait                  time.Duration
}

func newServe(t terminal) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve --vault | --yubico",
		Short: "Serve codes over the routes of Vault's TOTP engine, or check Yubico OTPs",
		Long: strings.TrimSpace(`
Serves the keys that are sealed here over the routes of Vault's TOTP engine, so that
'vault read totp/code/aws' works unchanged: with each code given and accepted once,
wrong codes counted, and a record of every request that is on the disk before its
answer leaves. Other addresses than this machine's own want --tls-cert and --tls-key.

A token says which keys it is for and whether it may read codes, check them, or manage
keys: 'mfawatch serve token add'. A token that reads codes is MFA without a person:
docs/vault-api.md says what that means.

With --yubico it checks Yubico OTPs by Yubico's validation protocol 2.0 instead, by the
credentials that 'mfawatch yubikey otp add' sealed: all are opened when it starts. Who
may ask is 'mfawatch serve yubico-client add'.

With --vault a key is opened for each request. One that is sealed to a passphrase takes a second
of that: 'mfawatch key reseal' to an age recipient or a KMS key for a server.`),
		Example: strings.TrimRight(`
  mfawatch serve token add terraform --grant aws:read
  mfawatch serve --vault
  mfawatch serve yubico-client add portal
  mfawatch serve --yubico
  VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=… vault read totp/code/aws`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.yubico && !c.Flags().Changed("listen") {
				f.listen = yubicoListen
			}
			return ringError(runServe(c.Context(), t, f))
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.vault, "vault", false, "serve Vault's routes")
	c.Flags().BoolVar(&f.yubico, "yubico", false, "check Yubico OTPs, on "+yubicoListen+" unless --listen says otherwise")
	clientsFlag(c, &f.clients)
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8200", "IP address and port to listen on")
	c.Flags().StringVar(&f.cert, "tls-cert", "", "file of the certificate, in PEM")
	c.Flags().StringVar(&f.key, "tls-key", "", "file of the certificate's key, in PEM")
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "name by which clients call the server, beside this machine's own; can be given again")
	c.Flags().StringVar(&f.mount, "mount", "totp", "path of the engine")
	c.Flags().DurationVar(&f.wait, "max-wait", 0, "how long a reader waits for a code that nobody has (default 45s; below 0 nobody waits)")
	c.Flags().BoolVar(&f.export, "allow-export", false, "let a generated secret be shown, once, in the answer to who generated it")
	c.Flags().BoolVar(&f.overwrite, "allow-overwrite", false, "let a key be written over one that is there")
	c.Flags().StringVar(&f.tokens, "tokens", "", "file of tokens (default: serve-tokens.json in $MFAWATCH_HOME)")
	c.Flags().StringVar(&f.record, "record", "", "file that the record is added to (default: serve.log in $MFAWATCH_HOME, with --yubico serve-yubico.log)")
	c.AddCommand(newServeToken(t), newServeYubicoClient(t))
	return c
}

func runServe(ctx context.Context, t terminal, f serveFlags) error {
	if f.vault == f.yubico {
		return usage("say what to serve, --vault or --yubico: each has its own address, so two servers serve both")
	}
	config, err := f.tls()
	if err != nil {
		return err
	}
	if err := vaultapi.Check(f.listen, config); err != nil {
		return usage("--listen: %v", err)
	}
	if f.yubico {
		return f.serveYubico(ctx, t, config)
	}
	s, closes, err := f.server(ctx, t)
	if err != nil {
		return err
	}
	defer closes()
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", f.listen, err)
	}
	scheme := "http"
	if config != nil {
		scheme = "https"
	}
	fmt.Fprintf(t.err, "Serving Vault's TOTP routes on %s://%s, until interrupted.\n", scheme, l.Addr())
	if err := s.Serve(ctx, l, config); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (f serveFlags) tls() (*tls.Config, error) {
	if f.cert == "" && f.key == "" {
		return nil, nil
	}
	if f.cert == "" || f.key == "" {
		return nil, usage("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// server is made before anything listens: a passphrase is asked for, and what would
// fail with the first request fails now.
func (f serveFlags) server(ctx context.Context, t terminal) (*vaultapi.Server, func(), error) {
	h, err := openHome()
	if err != nil {
		return nil, nil, err
	}
	kept, floor, err := h.ledger(ctx)
	if err != nil {
		return nil, nil, err
	}
	tokens := tokenFile(h, f.tokens)
	if _, err := tokens.Tokens(ctx); err != nil {
		return nil, nil, err
	}
	o := &opener{unlocking: f.unlocking, t: t, home: h}
	keys, err := o.both(ctx)
	if err != nil {
		return nil, nil, err
	}
	record, err := openRecord(h, f.record)
	if err != nil {
		return nil, nil, err
	}
	return &vaultapi.Server{
		Keys: &servedKeys{opener: o, sealing: keys}, Tokens: tokens, Audit: &vaultapi.Lines{W: record},
		Prover: ledger.Prover{Store: kept, Floor: floor}, Verifier: ledger.Verifier{Store: kept, Floor: floor},
		Mount: f.mount, MaxWait: f.wait, AllowExport: f.export, AllowOverwrite: f.overwrite, Hosts: f.hosts, Version: version,
	}, func() { _ = record.Close() }, nil
}

// openRecord is the record's file, which is only ever added to.
func openRecord(h home, name string) (*os.File, error) {
	if name == "" {
		name = h.path("serve.log")
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the record: %w", err)
	}
	if err := whole(f); err != nil {
		return nil, errors.Join(fmt.Errorf("the record %s: %w", name, err), f.Close())
	}
	return f, nil
}

// whole ends a line that a killed server began, so that the next one stands alone.
func whole(f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = io.WriteString(f, "\n")
	return err
}
