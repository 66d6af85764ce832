package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/yubikey/validation"
)

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

func (name yubicoClients) change(do func([]yubicoClient) ([]yubicoClient, error)) error {
	return changeCallers(string(name), name.read, do)
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
	var made yubicoClient
	err = clientFile(h, file).change(func(list []yubicoClient) ([]yubicoClient, error) {
		made, err = nextClient(list, name)
		return append(list, made), err
	})
	if err != nil {
		return err
	}
	if format == "json" {
		return printJSON(t, map[string]string{"id": made.ID, "name": made.Name, "api_key": made.Key})
	}
	return writeText(t, "", fmt.Sprintf("client id: %s\nAPI key: %s\n", made.ID, made.Key))
}

// nextClient is a client with a key of its own and an id that nobody had before.
func nextClient(list []yubicoClient, name string) (yubicoClient, error) {
	next := uint64(1)
	for _, c := range list {
		if c.Name == name && !c.Suspended {
			return yubicoClient{}, usage("there is a client %q: revoke it first, or choose another name", name)
		}
		if n, _ := strconv.ParseUint(c.ID, 10, 32); n >= next {
			next = n + 1
		}
	}
	key, err := validation.NewAPIKey(rand.Reader)
	if err != nil {
		return yubicoClient{}, err
	}
	return yubicoClient{ID: strconv.FormatUint(next, 10), Name: name, Key: string(key.Text())}, nil
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
	return printCallers(t, format, map[string]any{"clients": all}, "No clients.\n", rows)
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
	var revoked yubicoClient
	err = clientFile(h, file).change(func(list []yubicoClient) ([]yubicoClient, error) {
		i := slices.IndexFunc(list, func(c yubicoClient) bool { return c.ID == id })
		if i < 0 {
			return nil, exit{exitNotFound, fmt.Errorf("there is no client %q: 'mfawatch serve yubico-client list' tells their ids", id)}
		}
		list[i].Suspended = true
		revoked = list[i]
		return list, nil
	})
	if err != nil {
		return err
	}
	return writeText(t, "", fmt.Sprintf("Revoked client %s, %s.\n", revoked.ID, report.Plain(revoked.Name)))
}
