package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"

	"mfawatch/totp"
	"mfawatch/totp/migration"
	"mfawatch/totp/qr"
)

// asksForSecret is the page's one command that needs a person; TestAddAtATerminal is
// one.
const asksForSecret = "key add ada --device arn:aws:iam::111122223333:mfa/ada"

// TestKeysPage runs the command lines of docs/keys.md, in its order, as they stand there.
func TestKeysPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	recipient := keysPageFiles(t)
	lines := regexp.MustCompile(`(?m)^mfawatch (.*)$`).FindAllStringSubmatch(string(page), -1)
	if len(lines) < 16 {
		t.Fatalf("only %d commands found", len(lines))
	}
	asked := 0
	for _, m := range lines {
		if m[1] == asksForSecret {
			asked++
			continue
		}
		runPageLine(t, strings.ReplaceAll(m[1], "age1…", recipient))
	}
	if asked != 1 {
		t.Errorf("%d commands ask for a secret, want the one that a terminal is tested with", asked)
	}
	for _, name := range []string{"grace.txt", "grace.png", "grace.svg"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// runPageLine runs a line of the page; what another program reads of it is left out.
func runPageLine(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " | ")
	line, file, redirected := strings.Cut(line, " < ")
	in := ""
	if redirected {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in = string(data)
	}
	var out, errs bytes.Buffer
	code := execute(t.Context(), terminal{in: strings.NewReader(in), out: &out, err: &errs}, strings.Fields(line))
	if code != exitClean || out.Len()+errs.Len() == 0 {
		t.Errorf("mfawatch %s ends with %d: %s", line, code, errs.String())
	}
}

// keysPageFiles makes the files that the page speaks of, a program pass, and an
// identity, whose recipient it gives.
func keysPageFiles(t *testing.T) string {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MFAWATCH_HOME", filepath.Join(dir, "home"))
	t.Setenv("MFAWATCH_PASSPHRASE_FILE", "")
	t.Setenv("MFAWATCH_IDENTITY_FILE", filepath.Join(dir, "id.txt"))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	put(t, "id.txt", []byte(id.String()+"\n"))
	put(t, "seed.txt", []byte(rfcBase32+"\n"))
	put(t, "uri.txt", []byte("otpauth://totp/web?secret="+rfcBase32+"\n"))
	put(t, "confirmation.txt", []byte("grace\nwhoever sees grace can make its codes\n"))
	put(t, "pass", []byte("#!/bin/sh\necho 'otpauth://totp/shared?secret="+rfcBase32+"'\n"))
	if err := os.Chmod("pass", 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, "qr.png", pictured(t, "otpauth://totp/root?secret="+rfcBase32))
	transfer(t)
	return id.Recipient().String()
}

// transfer are the pictures of an authenticator's export: two, of eleven keys.
func transfer(t *testing.T) {
	t.Helper()
	var keys []totp.Key
	for _, account := range strings.Fields("a b c d e f g h i j k") {
		k, err := totp.New(totp.Settings{Issuer: "AWS", Account: account}, []byte(rfcSeed))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	for i, p := range migration.Split(keys, 1) {
		uri, err := p.URI()
		if err != nil {
			t.Fatal(err)
		}
		put(t, fmt.Sprintf("transfer-%d.png", i+1), pictured(t, uri))
	}
}

// rfcBase32 is RFC 6238's, in base32.
const rfcBase32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func pictured(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := qr.PNG(&b, text, qr.DefaultSize); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestKeysOnAFullDisk: what cannot be written is told, and is no matter of usage.
func TestKeysOnAFullDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	recipient := keysPageFiles(t)
	for _, line := range []string{"key reseal --to " + recipient, "key add grace - < seed.txt"} {
		runPageLine(t, line)
	}
	for _, args := range []string{"key list", "key list --format json", "key show grace", "key show grace --format json", "key import --all --dry-run uri.txt", "key export grace --confirm confirmation.txt"} {
		var errs bytes.Buffer
		code := execute(t.Context(), terminal{in: strings.NewReader(""), out: full{}, err: &errs}, strings.Fields(args))
		if code != exitCannotRun || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("mfawatch %s on a full disk ends with %d: %s", args, code, errs.String())
		}
	}
	if _, err := os.Stat("grace.txt"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written: %v", err)
	}
}
