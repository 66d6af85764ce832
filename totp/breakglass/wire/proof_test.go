package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func proof() Proof {
	return Proof{Door: "main", Key: "ASIAIOSFODNN7EXAMPLE", At: "20261120T030000Z", Token: "hunter2+/=", Signature: strings.Repeat("0a", 32)}
}

// TestCallsAreReadAsWritten: the bytes of the command arrive as they were proved.
func TestCallsAreReadAsWritten(t *testing.T) {
	odd := whole[Request]
	odd.Why = "a <b> & \"c\" \u2028 ☃ \\"
	for _, c := range []Command{whole[Use], odd, whole[Open]} {
		call := c.Call()
		call.Proof = proof()
		got, command, err := ParseCall(call.JSON())
		if err != nil || command != c || got.Proof != call.Proof || !bytes.Equal(got.Command, c.JSON()) {
			t.Errorf("%s: %v, %v", c.Command, got, err)
		}
		sum := sha256.Sum256(c.JSON())
		if s := got.Signed(); len(s) != 2 || s["X-Mfawatch-Command"] != hex.EncodeToString(sum[:]) || s["X-Mfawatch-Door"] != "main" {
			t.Errorf("%s: signed %v", c.Command, s)
		}
	}
}

func TestCallsThatAreNotRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"command":"open"}`: "command: the call has none",
		`{}`:                 "command: the call has none: use a mfawatch of the door's version",
		`{"command":{"command":"end","request":"X","code":"hunter2"}}`:             "code: end has no use for it",
		`{"command":{"command":"open"},"command":{"command":"head"}}`:              "field command is there twice",
		`{"command":{"command":"open","command":"head"}}`:                          "field command.command is there twice",
		`{"command":{"command":"open"},"proof":{"key":"hunter2","key":"hunter2"}}`: "field proof.key is there twice",
		`{"command":{"command":"open"},"proof":{"host":"hunter2"}}`:                `unknown field "host"`,
		`{"command":{"command":"open"},"proof":{"Key":"hunter2"}}`:                 `unknown field "proof.Key": names are in small letters`,
		`{"command":{"command":"open"},"proof":"hunter2"}`:                         "field proof: a string stands where another kind of value is wanted",
		`{"command":{"command":"open"},"caller":"hunter2"}`:                        `unknown field "caller"`,
		`{"command":{"command":"open"}}{"command":{"command":"head"}}`:             "something follows the document's end",
		`hunter2`: "it is not JSON, from byte 0 on",
	} {
		_, _, err := ParseCall([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseCall(%s) = %v, want %s", text, err, want)
		}
	}
}

func TestProofsThatAreNone(t *testing.T) {
	if err := proof().Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Proof){
		"there is none":                               func(p *Proof) { *p = Proof{} },
		"door: it is no name of a door":               func(p *Proof) { p.Door = "a b" },
		"key: it is no id of an access key":           func(p *Proof) { p.Key = "AKIA/x" },
		"at: it is no time as X-Amz-Date has it":      func(p *Proof) { p.At = "20261120T030000Z\n" },
		"token: it is no token of a session":          func(p *Proof) { p.Token = "hunter2 x" },
		"signature: it is no signature of version 4":  func(p *Proof) { p.Signature = strings.Repeat("0A", 32) },
		"token: it is no token of a session\x00 long": func(p *Proof) { p.Token = strings.Repeat("x", mostToken+1) },
	} {
		p := proof()
		change(&p)
		want, _, _ = strings.Cut(want, "\x00")
		if err := p.Check(); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	call := whole[Use].Call()
	call.Proof = proof()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb+verb+verb, call, &call, call.Proof); strings.Contains(text, "hunter2") || strings.Contains(text, "123456") || strings.Contains(text, "0a0a") {
			t.Errorf("%s shows a call", verb)
		}
	}
}

func FuzzParseCall(f *testing.F) {
	for _, name := range Names() {
		c := whole[name].Call()
		c.Proof = proof()
		f.Add(c.JSON())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		call, c, err := ParseCall(data)
		if err != nil {
			return
		}
		if again, err := ParseCommand(call.Command); err != nil || again != c {
			t.Errorf("the command is not what was proved: %v", err)
		}
		if !bytes.Contains(data, call.Command) {
			t.Error("what is proved is not what was sent")
		}
		if _, again, err := ParseCall(call.JSON()); err != nil || again != c {
			t.Errorf("it is read once and not twice: %v", err)
		}
	})
}
