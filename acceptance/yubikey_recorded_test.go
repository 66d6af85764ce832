//go:build acceptance

package acceptance

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/card"
	"mfawatch/totp/yubikey/slot"
)

// recorded is a real YubiKey of which somebody wrote down what it answered: the traces
// in go-iso7816's module. What was never asked it does not know.
type recorded struct {
	t       *testing.T
	answers map[string][]byte // by command, without the length that is expected
	app     string
}

// trace reads the files of one key.
func trace(t *testing.T, key string) *recorded {
	t.Helper()
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "cunicu.li/go-iso7816")
	list.Dir = "yubikey"
	dir, err := list.Output()
	if err != nil {
		t.Fatalf("go-iso7816 is missing: run make acceptance, which installs it: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "devices/yubikey/mockdata/*", key))
	if err != nil || len(files) == 0 {
		t.Fatalf("go-iso7816 has no traces of %s: %v", key, err)
	}
	r := &recorded{t: t, answers: map[string][]byte{}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r.read(string(text))
	}
	return r
}

// read takes in the lines "on START END Transmit COMMAND ANSWER".
func (r *recorded) read(text string) {
	app := ""
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 6 || f[0] != "on" || f[3] != "Transmit" {
			continue
		}
		command, err := hex.DecodeString(f[4])
		if err != nil {
			r.t.Fatal(err)
		}
		answer, err := hex.DecodeString(f[5])
		if err != nil {
			r.t.Fatal(err)
		}
		app = r.selected(app, command)
		r.answers[app+" "+essence(command)] = answer
	}
}

// selected is the application after a command.
func (r *recorded) selected(app string, command []byte) string {
	if command[1] == 0xa4 && len(command) > 5 {
		return hex.EncodeToString(command[5:][:min(7, int(command[4]))]) // one asks for the slots by eight bytes
	}
	return app
}

// essence is instruction, parameters and data: lengths are written in several ways.
func essence(command []byte) string {
	data := command[4:]
	if len(data) > 0 {
		data = data[1:][:min(int(data[0]), len(data)-1)]
	}
	if command[1] == 0xa4 {
		data = nil
	}
	return hex.EncodeToString(append(append([]byte(nil), command[1:4]...), data...))
}

func (r *recorded) Transmit(_ context.Context, command []byte) ([]byte, error) {
	r.app = r.selected(r.app, command)
	if answer, known := r.answers[r.app+" "+essence(command)]; known {
		return answer, nil
	}
	if command[1] == 0xa4 {
		return []byte{0x6a, 0x82}, nil
	}
	return []byte{0x6d, 0x00}, nil
}

// TestRecordedYubiKeys: what real keys of three generations said, as we read it. The
// serial numbers are in the traces' own head.
func TestRecordedYubiKeys(t *testing.T) {
	for key, want := range map[string]card.Info{
		"yk-5.4.3":     {Serial: 23852774, Firmware: apdu.Version{5, 4, 3}, Form: "keychain, USB-C"},
		"yk-4.3.7":     {Serial: 7124950, Firmware: apdu.Version{4, 3, 7}},
		"yk-neo-3.3.7": {Serial: 3507289, Firmware: apdu.Version{3, 3, 7}},
	} {
		r := trace(t, key)
		got, err := card.Ask(t.Context(), r)
		if err != nil || got.Serial != want.Serial || got.Firmware != want.Firmware || want.Form != "" && got.Form != want.Form {
			t.Errorf("%s: %v, error %v; want %v", key, got, err, want)
		}
		s, err := slot.Select(t.Context(), r)
		if err != nil {
			t.Errorf("%s: slots: %v", key, err)
			continue
		}
		t.Log(key, got, fmt.Sprintf("slots set: %t, %t; touch: %t, %t", s.Set(1), s.Set(2), s.Touch(1), s.Touch(2)))
	}
}
