package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"

	"mfawatch/internal/sts"
	"mfawatch/internal/sts/ststest"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/breakglass/wire"
)

const openAll = `{"command":"open"}`

// TestWhoCalls: a call without a proof, or with one of another command, door, time or
// principal, is nobody's; nothing comes of it, and it is measured.
func TestWhoCalls(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	before := len(w.entries())
	end := string(wire.Command{Command: wire.End, Request: id}.JSON())
	good := w.called("ada", openAll)
	change := func(f func(*wire.Call)) string { c := good; f(&c); return string(c.JSON()) }
	w.sts.Know("ASIAroot", ststest.Key{Secret: credentialsOf("root").SecretAccessKey, Token: credentialsOf("root").SessionToken, ARN: "arn:aws:iam::111122223333:root"})
	for name, c := range map[string]struct{ body, text string }{
		"no proof":              {`{"command":` + openAll + `}`, "there is none"},
		"a proof of another":    {change(func(c *wire.Call) { c.Proof.Key = "ASIAbob" }), "AWS does not confirm"},
		"of another command":    {change(func(c *wire.Call) { c.Command = []byte(end) }), "AWS does not confirm"},
		"of a written command":  {strings.Replace(string(good.JSON()), `"command":"open"`, `"command": "open"`, 1), "AWS does not confirm"},
		"of another door":       {string(w.calledFor("spare", "ada", openAll, w.now).JSON()), `for door "spare", and this is door "main"`},
		"said of this door":     {strings.Replace(string(w.calledFor("spare", "ada", openAll, w.now).JSON()), `"spare"`, `"main"`, 1), "AWS does not confirm"},
		"old":                   {string(w.calledFor("main", "ada", openAll, w.now.Add(-61*time.Second)).JSON()), "1m1s from AWS's time: set this machine's clock right"},
		"of the future":         {string(w.calledFor("main", "ada", openAll, w.now.Add(61*time.Second)).JSON()), "1m1s from AWS's time"},
		"older than AWS takes":  {string(w.calledFor("main", "ada", openAll, w.now.Add(-16*time.Minute)).JSON()), "AWS does not confirm"},
		"another time":          {change(func(c *wire.Call) { c.Proof.At = w.now.Add(time.Second).Format("20060102T150405Z") }), "AWS does not confirm"},
		"no token":              {change(func(c *wire.Call) { c.Proof.Token = "" }), "AWS does not confirm"},
		"a line in the token":   {change(func(c *wire.Call) { c.Proof.Token += "\r\nX-Amz-Date: 1" }), "token: it is no token"},
		"more in the key":       {change(func(c *wire.Call) { c.Proof.Key += "/x" }), "key: it is no id"},
		"more in the signature": {change(func(c *wire.Call) { c.Proof.Signature += ", x" }), "signature: it is no signature"},
		"more in the time":      {change(func(c *wire.Call) { c.Proof.At = "2026-11-20T03:00:00Z" }), "at: it is no time"},
		"more in the door":      {change(func(c *wire.Call) { c.Proof.Door = "main\n" }), "door: it is no name"},
		"an unknown key":        {change(func(c *wire.Call) { c.Proof.Key = "ASIAnobody" }), "AWS does not confirm"},
	} {
		w.out.Reset()
		status, a := w.invoke(t.Context(), sent("ada", c.body))
		w.no(name, status, a, 403, "caller-unproved")
		if a.Failed == nil || !strings.Contains(a.Failed.Text, c.text) {
			t.Errorf("%s: it is told %s, want %s", name, a.JSON(), c.text)
		}
		if log := w.out.String(); !strings.Contains(log, `"DoorUnproved":1`) || strings.Contains(log, "private") {
			t.Errorf("%s: no metric, or AWS's words:\n%s", name, log)
		}
	}
	if len(w.entries()) != before || len(w.done("ada", wire.Command{Command: wire.Open}).Requests) != 1 {
		t.Error("something came of a call of nobody's")
	}
	for name, at := range map[string]time.Time{"a minute old": w.now.Add(-fresh), "a minute ahead": w.now.Add(fresh)} {
		status, a := w.invoke(t.Context(), sent("ada", string(w.calledFor("main", "ada", openAll, at).JSON())))
		w.no(name, status, a, 200, "")
	}
	root := w.posted("root", openAll)
	root.RequestContext.Authorizer.IAM.UserARN = "arn:aws:iam::111122223333:root"
	status, a := w.invoke(t.Context(), root)
	w.no("an account's root", status, a, 403, "not-allowed")
}

// TestPretending: who makes an event of another's name is recorded by their own, told,
// and has done nothing.
func TestPretending(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	end := string(wire.Command{Command: wire.End, Request: id}.JSON())
	as := func(who, name string) events.LambdaFunctionURLRequest {
		return sent(name, string(w.called(who, end).JSON()))
	}
	for _, who := range []string{"eve", "bob"} {
		status, a := w.invoke(t.Context(), as(who, "ada"))
		w.no(who+" as ada", status, a, 403, "caller-unproved")
	}
	w.recorded("pretending", "asked done", "approved done", "pretended refused not-enrolled", "pretended refused not-allowed")
	entries := storetest.Entries(t, w.memory)
	if eve, bob := entries[2], entries[3]; eve.Actor != storetest.User("eve") || eve.Person != "" || bob.Actor != storetest.User("bob") || bob.Person != "bob" {
		t.Errorf("recorded of %s and %s", eve.Actor, bob.Actor)
	}
	if err := w.tend(); err != nil {
		t.Fatal(err)
	}
	for _, p := range w.aws.published[2:] {
		if p["severity"] != "critical" || p["what"] != "pretended" {
			t.Errorf("told %s %s", p["severity"], p["what"])
		}
	}
	if text := w.out.String(); strings.Count(text, `"DoorUnproved":1`) != 2 || !strings.Contains(text, "user/eve called as arn:aws:iam::111122223333:user/ada") {
		t.Errorf("the log does not say who was whom:\n%s", text)
	}
	w.done("ada", w.use(id))
}

// TestStrangersAreCounted: hundreds of looks cost twenty entries an hour.
func TestStrangersAreCounted(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		status, a := w.say("eve", wire.Command{Command: wire.Open})
		w.no("eve", status, a, 403, "not-allowed")
		w.now = w.now.Add(3 * time.Second) // not too often
	}
	w.now = w.now.Add(61 * time.Minute)
	if err := w.tend(); err != nil {
		t.Fatal(err)
	}
	all := w.entries()
	if len(all) != 21 || all[20] != "outsiders refused not-enrolled" || all[19] != "looked refused not-enrolled" {
		t.Errorf("%d entries: %v", len(all), all)
	}
	if n := strings.Count(w.out.String(), `"DoorRefusals":1`); n != 100 {
		t.Errorf("%d refusals are measured, want 100", n)
	}
}

// TestReplays: who saw a call can send it again for a minute. What comes of it is
// nothing, or what its sender was shown.
func TestReplays(t *testing.T) {
	w := newWorld(t)
	again := func(name string, e events.LambdaFunctionURLRequest, status int, reason string) wire.Answer {
		t.Helper()
		if _, a := w.invoke(t.Context(), e); a.Refused != nil || a.Failed != nil {
			t.Fatalf("%s: %s", name, a.JSON())
		}
		got, a := w.invoke(t.Context(), e)
		w.no(name+" again", got, a, status, reason)
		return a
	}
	id := again("request", w.posted("ada", string(w.ask().JSON())), 200, "").Request.ID
	yes := wire.Command{Command: wire.Approve, Request: id, Device: "bob-totp", Code: w.code("bob-totp")}
	again("approve", w.posted("bob", string(yes.JSON())), 403, "approved-already")
	again("use", w.posted("ada", string(w.use(id).JSON())), 403, "granted-already")
	again("look", w.posted("ada", openAll), 200, "")
	end := w.posted("ada", string(wire.Command{Command: wire.End, Request: id}.JSON()))
	again("end", end, 403, "over")
	w.now = w.now.Add(61 * time.Second)
	status, a := w.invoke(t.Context(), end)
	w.no("after a minute", status, a, 403, "caller-unproved")
}

// TestAWSIsNotAsked: where STS does not answer the door stays shut, says that it is no
// fault of who calls, and names the offline way.
func TestAWSIsNotAsked(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	before := len(w.entries())
	use := w.use(id)
	w.sts.Fault = func(rw http.ResponseWriter, _ *http.Request) bool { rw.WriteHeader(503); return true }
	for _, c := range []wire.Command{use, {Command: wire.Open}, {Command: wire.End, Request: id}} {
		w.out.Reset()
		status, a := w.say("ada", c)
		w.no(string(c.Command), status, a, 503, "proof-unchecked")
		if !strings.Contains(a.Failed.Text, "offline way") || !strings.Contains(w.out.String(), `"DoorFailures":1`) || !strings.Contains(w.out.String(), "HTTP 503") {
			t.Errorf("%s is told %s:\n%s", c.Command, a.JSON(), w.out.String())
		}
	}
	if len(w.entries()) != before || len(w.aws.sessions) != 0 {
		t.Error("something came of it")
	}
	w.sts.Fault = nil
	w.opened(w.done("ada", use).Grant)
}

// FuzzProof: whatever is changed of a call that ada signed, it is her call, or nobody's.
func FuzzProof(f *testing.F) {
	command := `{"command":"look","request":"0123456789ABCDEF"}`
	stand := &ststest.Server{Now: func() time.Time { return storetest.Start }}
	c := credentialsOf("ada")
	stand.Know(c.AccessKeyID, ststest.Key{Secret: c.SecretAccessKey, Token: c.SessionToken, ARN: storetest.User("ada")})
	call := wire.Call{Command: []byte(command), Proof: wire.Proof{Door: "main"}}
	p, err := sts.Sign(f.Context(), c, region, call.Signed(), storetest.Start)
	if err != nil {
		f.Fatal(err)
	}
	call.Proof = wire.Proof{Door: "main", Key: p.Key, At: p.At, Token: p.Token, Signature: p.Signature}
	whole := call.JSON()
	f.Add(whole)
	for _, part := range []string{p.Key, p.At, p.Token, p.Signature, "main", "open"} {
		f.Add([]byte(strings.Replace(string(whole), part, part+"\r\nX: y", 1)))
		f.Add([]byte(strings.Replace(string(whole), part, "", 1)))
	}
	h := &Handler{
		Door:    &breakglass.Door{Store: &storetest.Memory{}, Rules: breakglass.Rules{Door: "main"}, Random: rand.Reader},
		Callers: sts.NewIdentities(aws.Config{Region: region}, stand, patience), Now: stand.Now,
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _, err := wire.ParseCall(body)
		if err != nil {
			return
		}
		if !json.Valid(got.Command) {
			t.Error("a command that is no JSON")
		}
		who, err := h.prove(t.Context(), storetest.User("ada"), got)
		if err == nil && (who.Principal != storetest.User("ada") || string(got.Command) != command || got.Proof != call.Proof) {
			t.Errorf("%s is taken for ada's", body)
		}
		if err != nil && who.Principal != "" {
			t.Error("nobody has a name")
		}
	})
}
