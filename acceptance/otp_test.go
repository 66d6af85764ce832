//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/totp"
)

// otpCase is a key and a moment, as codes.py reads it. Keys are random.
type otpCase struct {
	Kind      totp.Kind      `json:"kind"`
	Algorithm totp.Algorithm `json:"algorithm"`
	Secret    string         `json:"secret"`
	Digits    int            `json:"digits"`
	Period    int64          `json:"period"`
	Time      int64          `json:"time"`
	Step      int64          `json:"step"`

	key  totp.Key
	code string
}

// otpCases are of every setting: times to 2^33, which 32 bits do not hold, counters
// over 32 bits too, and secrets of 10 to 64 bytes.
func otpCases(t *testing.T, count int) []otpCase {
	t.Helper()
	seed := seedOf(t)
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	all := make([]otpCase, count)
	for i := range all {
		s := totp.Settings{Account: "ada", Digits: 6 + random.IntN(3), Algorithm: []totp.Algorithm{totp.SHA1, totp.SHA256, totp.SHA512}[random.IntN(3)]}
		c := &all[i]
		if random.IntN(4) == 0 {
			s.Kind, c.Step = totp.HOTP, random.Int64N(1<<random.IntN(40))
		} else {
			s.Kind, s.Period, c.Time = totp.TOTP, []int64{15, 30, 60}[random.IntN(3)], random.Int64N(1<<33+1)
		}
		secret := make([]byte, 10+random.IntN(55))
		for j := range secret {
			secret[j] = byte(random.Uint32())
		}
		c.make(t, s, secret)
	}
	return all
}

func (c *otpCase) make(t *testing.T, s totp.Settings, secret []byte) {
	t.Helper()
	var err error
	if c.key, err = totp.New(s, secret); err != nil {
		t.Fatal(err)
	}
	c.Kind, c.Algorithm, c.Digits, c.Period, c.Secret = s.Kind, s.Algorithm, s.Digits, s.Period, c.key.Secret()
	if s.Kind == totp.TOTP {
		if c.Step, err = c.key.Step(time.Unix(c.Time, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if c.code, err = c.key.At(c.Step); err != nil {
		t.Fatal(err)
	}
}

func (c otpCase) String() string {
	return fmt.Sprintf("%s %s, %d digits, period %d, time %d, step %d, %d letters", c.Kind, c.Algorithm, c.Digits, c.Period, c.Time, c.Step, len(c.Secret))
}

// oathtool runs the tool, whose HOTP knows SHA1 only. The secret goes in by standard
// input; so does a code, where one is to be checked.
func (c otpCase) oathtool(code string) (string, int, error) {
	args := []string{"-b", "-d", fmt.Sprint(c.Digits)}
	if c.Kind == totp.HOTP {
		args = append(args, "--hotp", "-c", fmt.Sprint(c.Step))
	} else {
		args = append(args, "--totp="+strings.ToLower(string(c.Algorithm)), "-s", fmt.Sprintf("%ds", c.Period), "-N", fmt.Sprintf("@%d", c.Time))
	}
	input := c.Secret + "\n"
	args = append(args, "-")
	if code != "" {
		args, input = append(args, "-"), input+code+"\n"
	}
	cmd := exec.Command("oathtool", args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", exit.ExitCode(), nil
	}
	return strings.TrimSpace(string(out)), 0, err
}

// TestOathtool compares 10,000 codes, has oathtool check ours, and checks its.
func TestOathtool(t *testing.T) {
	all := otpCases(t, 10_000)
	var wait sync.WaitGroup
	next := make(chan otpCase)
	for range 2 {
		wait.Go(func() {
			for c := range next {
				c.againstOathtool(t)
			}
		})
	}
	made := 0
	for _, c := range all {
		if c.Kind == totp.HOTP && c.Algorithm != totp.SHA1 {
			s := c.key.Settings()
			s.Algorithm = totp.SHA1
			secret, err := totp.DecodeSecret(c.Secret)
			if err != nil {
				t.Fatal(err)
			}
			c.make(t, s, secret)
		}
		made++
		next <- c
	}
	close(next)
	wait.Wait()
	t.Logf("%d cases", made)
}

func (c otpCase) againstOathtool(t *testing.T) {
	theirs, status, err := c.oathtool("")
	if err != nil || status != 0 || theirs != c.code {
		t.Errorf("%v: oathtool ends with %d, error %v, same code: %v", c, status, err, theirs == c.code)
		return
	}
	if c.Kind == totp.TOTP {
		m, err := c.key.Verify(theirs, time.Unix(c.Time, 0), totp.Used{})
		if err != nil || m.Step != c.Step {
			t.Errorf("%v: oathtool's code is taken for step %d, error %v", c, m.Step, err)
		}
	}
	if c.Step%4 != 0 { // each check is a process more
		return
	}
	if _, status, err := c.oathtool(c.code); err != nil || status != 0 {
		t.Errorf("%v: oathtool refuses our code: %d, error %v", c, status, err)
	}
	wrong := []byte(c.code)
	wrong[len(wrong)-1] = '0' + (wrong[len(wrong)-1]-'0'+1)%10
	if _, status, _ := c.oathtool(string(wrong)); status == 0 {
		t.Errorf("%v: oathtool takes a wrong code: it compares nothing", c)
	}
}

// TestPyotp compares the codes of every algorithm, HOTP's too, in one process.
func TestPyotp(t *testing.T) {
	all := otpCases(t, 10_000)
	input, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(installed(t, "venv-otp/bin/python"), "otp/codes.py")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pyotp: %v: %s", err, stderr.String())
	}
	var codes []string
	if err := json.Unmarshal(out, &codes); err != nil || len(codes) != len(all) {
		t.Fatalf("pyotp gives %d codes of %d: %v", len(codes), len(all), err)
	}
	for i, c := range all {
		if codes[i] != c.code {
			t.Errorf("%v: pyotp makes another code", c)
		}
	}
}
