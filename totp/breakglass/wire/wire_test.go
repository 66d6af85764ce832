package wire

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

var whole = map[Name]Command{
	Request: {Command: Request, Role: "admin", Why: "down", Ticket: "INC-7", Seconds: 900, Drill: true, Alone: true, Recipient: "age1q"},
	Approve: {Command: Approve, Request: "0123456789ABCDEF", Device: "bob-totp", Code: "123456"},
	Use:     {Command: Use, Request: "0123456789ABCDEF", Device: "ada-totp", Code: "123456 654321"},
	End:     {Command: End, Request: "0123456789ABCDEF"},
	Revoke:  {Command: Revoke, Request: "0123456789ABCDEF", Device: "cyd-totp", Code: "123456"},
	Unlock:  {Command: Unlock, Target: "ada-totp", Device: "cyd-totp", Code: "123456"},
	Look:    {Command: Look, Request: "0123456789ABCDEF"},
	Open:    {Command: Open},
	Log:     {Command: Log, From: 1, Most: 50},
	Head:    {Command: Head},
}

func TestCommandsAreReadAsWritten(t *testing.T) {
	for _, name := range Names() {
		got, err := ParseCommand(whole[name].JSON())
		if err != nil || got != whole[name] {
			t.Errorf("%s: ParseCommand = %v, %v", name, got, err)
		}
	}
	if len(whole) != len(Names()) || len(fields) != len(Names()) {
		t.Errorf("%d commands, %d with fields, %d tested", len(Names()), len(fields), len(whole))
	}
}

func TestCommandsThatAreNotRead(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"command":"grant"}`, "command: it is none of [request approve use end revoke unlock look open log head]"},
		{`{}`, "command: it is none of [request approve use end revoke unlock look open log head]"},
		{`{"command":"use","request":"X","device":"d"}`, "code: use wants it"},
		{`{"command":"use"}`, "request: use wants it\ndevice: use wants it\ncode: use wants it"},
		{`{"command":"end","request":"X","code":"123456"}`, "code: end has no use for it"},
		{`{"command":"head","alone":true,"most":-1}`, "alone: head has no use for it\nmost: head has no use for it\nseconds, from, most: none is below zero"},
		{`{"command":"end","request":"X","request":"Y"}`, "field request is there twice"},
		{`{"command":"end","request":"X","Request":"Y"}`, `unknown field "Request": names are in small letters`},
		{`{"command":"end","request":"X","caller":"ada"}`, `unknown field "caller"`},
		{`{"command":"use","code":123456}`, "field code: a number stands where another kind of value is wanted"},
		{`123456`, "field : a number stands where another kind of value is wanted"},
		{`code=123456`, "it is not JSON, from byte 0 on"},
	} {
		_, err := ParseCommand([]byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("ParseCommand(%s) = %v, want %s", c.text, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "123456") {
			t.Errorf("the code is in %v", err)
		}
	}
}

func TestAnswersAreReadAsWritten(t *testing.T) {
	at := time.Unix(1_800_000_000, 0).UTC()
	for _, a := range []Answer{
		{Refused: &Refused{"wait", "too many wrong codes: wait", &at}},
		{Failed: &Failed{StoreDown, "try again"}},
		{Request: &Asked{ID: "X", Person: "ada", State: "waiting", Approvers: []string{"bob"}, Asked: at, From: &at, Ends: at, Seconds: 900}},
		{Requests: []Asked{{ID: "X", Asked: at, Ends: at}}, Unlocked: true},
		{Grant: &Grant{Request: "X", Role: "arn:aws:iam::111122223333:role/break-glass", Session: "mfawatch-X", Until: at, Credentials: "-----BEGIN AGE ENCRYPTED FILE-----\n"}},
		{Lines: []string{`{"a":1}`}, Head: `{"b":2}`, Key: "AA=="},
	} {
		got, err := ParseAnswer(a.JSON())
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("ParseAnswer(%s) = %+v, %v", a.JSON(), got, err)
		}
	}
	if _, err := ParseAnswer([]byte("<html>")); err == nil {
		t.Error("a page is an answer")
	}
	if a, err := ParseAnswer([]byte(`{"unlocked":true,"newer":{}}`)); err != nil || !a.Unlocked {
		t.Errorf("a newer answer = %+v, %v", a, err)
	}
}

func TestCredentialsAreReadAsWritten(t *testing.T) {
	c := Credentials{1, "ASIAIOSFODNN7EXAMPLE", "hunter2", "token3", time.Unix(1_800_000_000, 0).UTC()}
	if got, err := ParseCredentials(c.JSON()); err != nil || got != c {
		t.Errorf("ParseCredentials: %v", err)
	}
	for _, text := range []string{``, `{}`, `{"Version":2,"AccessKeyId":"a","SecretAccessKey":"b","SessionToken":"c"}`, `{"Version":1,"AccessKeyId":"a","SecretAccessKey":"b"}`} {
		if _, err := ParseCredentials([]byte(text)); err == nil {
			t.Errorf("%s are credentials", text)
		}
	}
	if !strings.Contains(string(c.JSON()), `"AccessKeyId":"ASIAIOSFODNN7EXAMPLE"`) {
		t.Error("credential_process would not read them")
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	command := whole[Use]
	command.Code = "998877"
	credentials := Credentials{1, "ASIAIOSFODNN7EXAMPLE", "hunter2", "token3", time.Time{}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb+verb+verb+verb, command, &command, credentials, &credentials)
		for _, secret := range []string{"998877", "393938", "hunter2", "token3"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret", verb)
			}
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, name := range Names() {
		f.Add(whole[name].JSON())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCommand(data)
		if err != nil {
			return
		}
		if again, err := ParseCommand(c.JSON()); err != nil || again != c {
			t.Errorf("it is read once and not twice: %v", err)
		}
	})
}
