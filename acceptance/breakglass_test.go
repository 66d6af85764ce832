//go:build acceptance

package acceptance

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/breakglass/table"
	ledgertable "mfawatch/totp/ledger/table"
)

// doorTables makes a door's two tables in DynamoDB Local.
func doorTables(t *testing.T) func(t *testing.T) *table.Store {
	c := dynamoDB(t)
	made := 0
	return func(t *testing.T) *table.Store {
		made++
		door, ledger := fmt.Sprint("breakglass-", made), fmt.Sprint("ledger-", made)
		if _, err := c.CreateTable(t.Context(), table.CreateTable(door)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateTable(t.Context(), ledgertable.CreateTable(ledger)); err != nil {
			t.Fatal(err)
		}
		return &table.Store{Client: c, Place: table.Places(door, ledger)}
	}
}

// TestDynamoDBKeepsADoor: AWS's own DynamoDB Local keeps the contract that memory and
// file keep, and the door over it keeps its promises.
func TestDynamoDBKeepsADoor(t *testing.T) {
	tables := doorTables(t)
	started := time.Now()
	storetest.TestStore(t, tables(t))
	t.Logf("the contract took %v", time.Since(started))
	storetest.TestDoor(t, func(t *testing.T) breakglass.Store { return tables(t) }, 2)
}

// documented is the shell line of the record package's doc comment.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../totp/breakglass/record/record.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if command, found := strings.CutPrefix(line, "//\tprev="); found {
			return "prev=" + command
		}
	}
	t.Fatal("the record's documentation has no shell line")
	return ""
}

// TestAShellRecomputesTheRecord: jq and sha256sum come to the same hashes, name the same
// broken link, and openssl verifies the head, with nothing of ours.
func TestAShellRecomputesTheRecord(t *testing.T) {
	for _, program := range []string{"jq", "sha256sum", "openssl", "bash", "base64"} {
		peer(t, program)
	}
	c := storetest.NewCast(t)
	d := c.Door(&storetest.Memory{})
	now := storetest.Start
	a := storetest.Ask("admin", 1)
	a.Why = `prod says "no" \o/ — ünï ☃ 🔥`
	r, err := d.Ask(t.Context(), storetest.As("ada"), a, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Approve(t.Context(), storetest.As("bob"), r.ID, c.Now("bob-totp", now), now); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		_, _ = d.Use(t.Context(), storetest.As("ada"), r.ID, c.Wrong("ada-totp", now), now)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	if err := d.Archive(t.Context(), f, record.Local(key), now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	lines, heads, err := f.Read()
	if err != nil || len(heads) != 1 {
		t.Fatal(len(heads), err)
	}
	bash := func(script string) string {
		t.Helper()
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Dir = f.Dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	bash("cat entries-*.jsonl > record.jsonl")
	command := documented(t)
	if got := bash(command); got != heads[0].Hash {
		t.Errorf("the shell says %q, want the head's %s", got, heads[0].Hash)
	}
	spki, err := x509.MarshalPKIXPublicKey(record.Local(key).Key())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o600); err != nil {
		t.Fatal(err)
	}
	verified := bash("jq -cSj .head head-*.json > head.msg; jq -r .signature head-*.json | base64 -d > head.sig; openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in head.msg -sigfile head.sig")
	if !strings.Contains(verified, "Signature Verified Successfully") {
		t.Errorf("openssl says %q", verified)
	}
	edited := strings.Replace(string(lines[4]), "wrong-code", "used-code", 1)
	if edited == string(lines[4]) {
		t.Fatalf("entry 5 is %s", edited)
	}
	lines[4] = []byte(edited)
	if err := os.WriteFile(filepath.Join(f.Dir, "record.jsonl"), []byte(joined(lines)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := bash(command); !strings.HasPrefix(got, "broken before entry 6\n") || strings.Count(got, "broken") != 1 {
		t.Errorf("of an entry 5 that was edited the shell says %q", got)
	}
	_, err = record.Verify("main", lines, heads, []ed25519.PublicKey{record.Local(key).Key()})
	if err == nil || !strings.Contains(err.Error(), "entry 5: edited") {
		t.Errorf("and we say %v", err)
	}
}

func joined(lines [][]byte) string {
	var b strings.Builder
	for _, line := range lines {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}
