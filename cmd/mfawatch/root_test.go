package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// What cannot be written is no matter of usage, whatever command writes it; what
// cobra refuses before a command runs is one.
func TestFullDisk(t *testing.T) {
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"policy generate --guardrail mfa-only", exitCannotRun, "no space left"},
		{"policy generate --guardrail mfa-only --format terraform", exitCannotRun, "no space left"},
		{"policy explain -", exitCannotRun, "no space left"},
		{"policy explain - --format json", exitCannotRun, "no space left"},
		{"policy explain --list", exitCannotRun, "no space left"},
		{"policy explain --list --format json", exitCannotRun, "no space left"},
		{"policy explain --list --format markdown", exitCannotRun, "no space left"},
		{"checks", exitCannotRun, "no space left"},
		{"checks --format json", exitCannotRun, "no space left"},
		{"demo", exitCannotRun, "no space left"},
		{"policy generate --guardrail mfa-only --format yaml", exitUsage, "See 'mfawatch policy generate --help'."},
		{"policy explain", exitUsage, "See 'mfawatch policy explain --help'."},
		{"policy explain --nothing", exitUsage, "See 'mfawatch policy explain --help'."},
		{"nothing", exitUsage, "See 'mfawatch --help'."},
		{"checks more", exitUsage, "See 'mfawatch checks --help'."},
	} {
		var errs bytes.Buffer
		code := execute(context.Background(), terminal{in: strings.NewReader(policy), out: full{}, err: &errs}, strings.Fields(c.args))
		if code != c.code || !strings.Contains(errs.String(), c.says) || code != exitUsage && strings.Contains(errs.String(), "--help") {
			t.Errorf("mfawatch %s on a full disk ends with %d, want %d with %q:\n%s", c.args, code, c.code, c.says, errs.String())
		}
	}
}
