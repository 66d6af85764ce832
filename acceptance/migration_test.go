//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/migration"
)

// migrate is a request to the npm package.
type migrate struct {
	Read  string   `json:"read,omitempty"`
	Write []string `json:"write,omitempty"`
}

func migrates(t *testing.T, requests ...migrate) [][]string {
	t.Helper()
	input, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", installed(t, "migrate.mjs"))
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("otpauth-migration: %v: %s", err, stderr.String())
	}
	var answers [][]string
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(requests) {
		t.Fatalf("%d answers to %d requests: %v", len(answers), len(requests), err)
	}
	return answers
}

// exported are keys of every setting that an export knows.
func exported(t *testing.T) []totp.Key {
	t.Helper()
	var all []totp.Key
	for i := range 24 {
		s := totp.Settings{Issuer: []string{"AWS", "Example", "Ex ample"}[i%3], Account: fmt.Sprintf("ada%d@example.com", i),
			Algorithm: []totp.Algorithm{totp.SHA1, totp.SHA256, totp.SHA512}[i/3%3], Digits: 6 + i/9%2*2}
		if i%4 == 3 {
			s.Kind, s.Counter = totp.HOTP, int64(i*1000)
		}
		// The package adds a byte to secrets that are no whole groups of base32.
		k, err := totp.New(s, []byte(strings.Repeat(fmt.Sprintf("seed%02d", i), 5)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return all
}

// TestMigrationPeer: the npm package reads the exports that we write, and we those that
// it writes.
func TestMigrationPeer(t *testing.T) {
	keys := exported(t)
	var uris []string
	for _, k := range keys {
		uris = append(uris, k.URI())
	}
	requests := []migrate{{Write: uris[:10]}}
	for _, p := range migration.Split(keys, 7) {
		uri, err := p.URI()
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, migrate{Read: uri})
	}
	answers := migrates(t, requests...)
	var parts []migration.Part
	for _, uri := range answers[0] {
		p, err := migration.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	got, err := migration.Join(parts...)
	if err != nil || !slices.EqualFunc(got, keys[:10], totp.Key.Equal) {
		t.Errorf("of what the package writes: %v, error %v\nwant %v", got, err, keys[:10])
	}
	var read []totp.Key
	for _, answer := range answers[1:] {
		for _, uri := range answer {
			k, err := totp.Parse(uri)
			if err != nil {
				t.Fatal(err)
			}
			read = append(read, k)
		}
	}
	if !slices.EqualFunc(read, keys, totp.Key.Equal) {
		t.Errorf("the package reads %v\nwant %v", read, keys)
	}
}
