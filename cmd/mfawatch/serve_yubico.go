package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/internal/outfile"
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
	s, err := validation.NewServer(validation.Service{Callers: clients, Keys: keys, Ledger: ledger.Verifier{Store: kept, Floor: floor}, Auditor: &otpLines{file: record}})
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

// otpLines writes each answer as a line of JSON that is on the disk when it returns.
type otpLines struct {
	mutex sync.Mutex
	file  *os.File
}

func (o *otpLines) Verified(_ context.Context, r validation.Record) error {
	line, err := json.Marshal(struct {
		Time     time.Time         `json:"time"`
		From     string            `json:"from"`
		Client   string            `json:"client,omitempty"`
		PublicID string            `json:"public_id,omitempty"`
		Status   validation.Status `json:"status"`
		Reason   string            `json:"reason,omitempty"`
		Accepted bool              `json:"accepted"`
		Step     int64             `json:"step,omitempty"`
	}{r.At.UTC(), r.From, r.Client, r.PublicID, r.Status, r.Reason, r.Accepted, r.Step})
	if err != nil {
		return err
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if _, err := o.file.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := o.file.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !isPipe(o.file) {
		return err
	}
	return nil
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && !info.Mode().IsRegular()
}

// yubicoClient may ask. Its key signs both ways, so the server has to have it as it is.
type yubicoClient struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Key       string `json:"key"` // in base64
	Suspended bool   `json:"suspended,omitempty"`
}

// yubicoClients are a file of them, read anew with each request.
type yubicoClients string

func clientFile(h home, name string) yubicoClients {
	if name == "" {
		name = h.path("serve-yubico-clients.json")
	}
	return yubicoClients(name)
}

// read gives the clients; where there is no file there is none. Errors show no key.
func (name yubicoClients) read() ([]yubicoClient, error) {
	data, err := os.ReadFile(string(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = ownerOnly(string(name))
	}
	if err != nil {
		return nil, fmt.Errorf("the file of clients: %w", err)
	}
	var list []yubicoClient
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("%s is no list of clients: restore it, or remove it and add the clients anew", string(name))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: something follows the list", string(name))
	}
	for i, c := range list {
		if _, err := validation.ParseAPIKey(c.Key); err != nil {
			return nil, fmt.Errorf("%s: client %q: %w", string(name), c.ID, err)
		}
		if n, err := strconv.ParseUint(c.ID, 10, 32); err != nil || n == 0 || slices.ContainsFunc(list[:i], func(o yubicoClient) bool { return o.ID == c.ID }) {
			return nil, fmt.Errorf("%s: client %d: its id is no number from 1, or is there twice", string(name), i+1)
		}
	}
	return list, nil
}

func (name yubicoClients) write(list []yubicoClient) error {
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return outfile.Write(string(name), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// Caller is validation.Callers' method.
func (name yubicoClients) Caller(_ context.Context, id string) (validation.Caller, error) {
	list, err := name.read()
	if err != nil {
		return validation.Caller{}, err
	}
	i := slices.IndexFunc(list, func(c yubicoClient) bool { return c.ID == id })
	if i < 0 {
		return validation.Caller{}, validation.ErrNoCaller
	}
	key, err := validation.ParseAPIKey(list[i].Key)
	return validation.Caller{Key: key, Suspended: list[i].Suspended}, err
}

func newServeYubicoClient(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:     "yubico-client",
		Short:   "Clients of 'mfawatch serve --yubico', and their API keys",
		Example: "  mfawatch serve yubico-client add portal\n  mfawatch serve yubico-client list",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newClientAdd(t), newClientList(t), newClientRevoke(t))
	return c
}

func clientsFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "clients", "", "file of clients and their API keys (default: serve-yubico-clients.json in $MFAWATCH_HOME)")
}

func newClientAdd(t terminal) *cobra.Command {
	var file, format string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a client and print its id and API key, this once",
		Long: strings.TrimSpace(`
Makes a client and prints its id and its API key, which signs requests and answers. The
key is kept as it is, since the server signs with it, in a file that its owner alone can
read. NAME is for people.`),
		Example: strings.TrimRight(`
  mfawatch serve yubico-client add portal`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return ringError(addClient(t, file, format, args[0])) },
	}
	formatFlag(c, &format, "text", "json")
	clientsFlag(c, &file)
	return c
}

func addClient(t terminal, file, format, name string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	kept := clientFile(h, file)
	held, err := holdBeside(string(kept))
	if err != nil {
		return err
	}
	defer held.Close()
	list, err := kept.read()
	if err != nil {
		return err
	}
	next := uint64(1)
	for _, c := range list {
		if c.Name == name && !c.Suspended {
			return usage("there is a client %q: revoke it first, or choose another name", name)
		}
		if n, _ := strconv.ParseUint(c.ID, 10, 32); n >= next {
			next = n + 1
		}
	}
	key, err := validation.NewAPIKey(rand.Reader)
	if err != nil {
		return err
	}
	c := yubicoClient{ID: strconv.FormatUint(next, 10), Name: name, Key: string(key.Text())}
	if err := kept.write(append(list, c)); err != nil {
		return err
	}
	if format == "json" {
		return printJSON(t, map[string]string{"id": c.ID, "name": c.Name, "api_key": c.Key})
	}
	return writeText(t, "", fmt.Sprintf("client id: %s\nAPI key: %s\n", c.ID, c.Key))
}

func newClientList(t terminal) *cobra.Command {
	var file, format string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List clients, without their keys",
		Example: "  mfawatch serve yubico-client list",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return ringError(listClients(t, file, format)) },
	}
	clientsFlag(c, &file)
	formatFlag(c, &format, "table", "json")
	return c
}

func listClients(t terminal, file, format string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	list, err := clientFile(h, file).read()
	if err != nil {
		return err
	}
	type row struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Revoked bool   `json:"revoked"`
	}
	all, rows := []row{}, [][]string{{"ID", "NAME", "REVOKED"}}
	for _, c := range list {
		all = append(all, row{c.ID, c.Name, c.Suspended})
		rows = append(rows, []string{c.ID, c.Name, yesNo(c.Suspended)})
	}
	switch {
	case format == "json":
		return printJSON(t, map[string]any{"clients": all})
	case len(list) == 0:
		return writeText(t, "", "No clients.\n")
	}
	return printTable(t, rows)
}

func newClientRevoke(t terminal) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "Take the right to ask from a client; a running server refuses it from then on",
		Long: strings.TrimSpace(`
Revokes a client by its id. It is told OPERATION_NOT_ALLOWED from then on, and its id is
nobody else's.`),
		Example: "  mfawatch serve yubico-client revoke 1",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return ringError(revokeClient(t, file, args[0])) },
	}
	clientsFlag(c, &file)
	return c
}

func revokeClient(t terminal, file, id string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	kept := clientFile(h, file)
	held, err := holdBeside(string(kept))
	if err != nil {
		return err
	}
	defer held.Close()
	list, err := kept.read()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(c yubicoClient) bool { return c.ID == id })
	if i < 0 {
		return exit{exitNotFound, fmt.Errorf("there is no client %q: 'mfawatch serve yubico-client list' tells their ids", id)}
	}
	list[i].Suspended = true
	if err := kept.write(list); err != nil {
		return err
	}
	return writeText(t, "", fmt.Sprintf("Revoked client %s, %s.\n", list[i].ID, report.Plain(list[i].Name)))
}
