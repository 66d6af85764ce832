package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	first := func(name string, e events.LambdaFunctionURLRequest) wire.Answer {
		t.Helper()
		_, a := w.invoke(t.Context(), e)
		if a.Refused != nil || a.Failed != nil {
			t.Fatalf("%s: %s", name, a.JSON())
		}
		return a
	}
	again := func(name string, e events.LambdaFunctionURLRequest, status int, reason string) {
		t.Helper()
		before := len(w.done("cyd", wire.Command{Command: wire.Open}).Requests)
		got, a := w.invoke(t.Context(), e)
		w.no(name+" again", got, a, status, reason)
		if open := len(w.done("cyd", wire.Command{Command: wire.Open}).Requests); open != before || a.Request != nil || a.Grant != nil {
			t.Errorf("%s again: %d requests are open, were %d; %s", name, open, before, a.JSON())
		}
	}
	request := w.posted("ada", string(w.ask().JSON()))
	id := first("request", request).Request.ID
	again("request", request, 403, "caller-unproved")
	w.now = w.now.Add(time.Second)
	if other := first("request, sent anew", w.posted("ada", string(w.ask().JSON()))).Request.ID; other != id {
		t.Errorf("the same request, proved anew, is %s, and was %s", other, id)
	}
	yes := w.posted("bob", string(wire.Command{Command: wire.Approve, Request: id, Device: "bob-totp", Code: w.code("bob-totp")}.JSON()))
	first("approve", yes)
	again("approve", yes, 403, "approved-already")
	use := w.posted("ada", string(w.use(id).JSON()))
	first("use", use)
	again("use", use, 403, "granted-already")
	look := w.posted("ada", openAll)
	first("look", look)
	again("look", look, 200, "")
	end := w.posted("ada", string(wire.Command{Command: wire.End, Request: id}.JSON()))
	first("end", end)
	again("end", end, 403, "over")
	again("request, of what was ended,", request, 403, "caller-unproved")
	w.now = w.now.Add(61 * time.Second)
	again("after a minute, end,", end, 403, "caller-unproved")
}

// TestReplaysUseNobodyUp: who sends a call again and again is told at the tenth, costs its
// sender as many and no more, and who sends calls of their own is let in.
func TestReplaysUseNobodyUp(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	use := w.posted("ada", string(w.use(id).JSON()))
	pretending := use
	pretending.RequestContext.Authorizer = sent("bob", "").RequestContext.Authorizer
	answers := map[string]int{}
	for range 40 {
		for _, e := range []events.LambdaFunctionURLRequest{pretending, use} {
			_, a := w.invoke(t.Context(), e)
			switch {
			case a.Grant != nil:
				answers["granted"]++
			case a.Refused != nil:
				answers[a.Refused.Reason]++
			case strings.HasPrefix(a.Failed.Text, "this very call came before"):
				answers["came before"]++
			default:
				answers[string(a.Failed.Reason)]++
			}
		}
	}
	if want := map[string]int{"granted": 1, "granted-already": 9, "caller-unproved": 1, "came before": 69}; !maps.Equal(answers, want) {
		t.Errorf("answers %v, want %v", answers, want)
	}
	if n := len(w.entries()); n != 2+1+1+1+9 {
		t.Errorf("%d entries: %v", n, w.entries())
	}
	w.now = w.now.Add(time.Second)
	w.done("ada", wire.Command{Command: wire.End, Request: id})
	w.done("ada", w.ask())
}

// TestProofsThatCannotBeRemembered: a row that cannot be read keeps nobody out, and a store
// that is down keeps the door shut.
func TestProofsThatCannotBeRemembered(t *testing.T) {
	key := "proofs#" + short(storetest.User("ada"))
	w := newWorld(t)
	w.done("ada", w.ask())
	if w.memory.Rows[key] == nil {
		t.Fatal("nothing is remembered of ada")
	}
	w.memory.Rows[key] = []byte("{")
	request := w.posted("ada", string(w.ask().JSON()))
	for _, want := range []int{200, 403} { // it is begun anew
		if status, a := w.invoke(t.Context(), request); status != want {
			t.Errorf("no JSON: %d %s, want %d", status, a.JSON(), want)
		}
	}
	w.store.Store = unreadable{w.memory, key}
	w.now = w.now.Add(time.Second)
	w.done("ada", w.ask())
	w.store.Before = func() error { return errors.New("dynamodb read: no answer") }
	status, a := w.say("ada", w.ask())
	w.no("the store is down", status, a, 503, "store-down")
}

// TestProofsAreForgotten: what AWS's clock has passed is left out, and so is more than
// anybody makes in two minutes.
func TestProofsAreForgotten(t *testing.T) {
	var all []taken
	now := storetest.Start
	for i := range 3 * mostTaken {
		var no bool
		if all, no = counted(all, taken{fmt.Sprint(i), now, 1}, 1); no || len(all) > mostTaken {
			t.Fatalf("of %d proofs %d are kept; refused: %v", i+1, len(all), no)
		}
	}
	last := all[len(all)-1]
	if _, no := counted(all, taken{last.Hash, now, 1}, 1); !no {
		t.Error("the last is taken twice")
	}
	if all, no := counted(all, taken{"next", now.Add(2 * fresh), 1}, 1); no || len(all) != mostTaken {
		t.Errorf("%d are kept while the earlier may be fresh", len(all))
	}
	if all, _ := counted(all, taken{"next", now.Add(2*fresh + time.Second), 1}, 1); len(all) != 1 {
		t.Errorf("%d are kept of what is too old", len(all))
	}
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
		who, err := h.prove(t.Context(), storetest.User("ada"), got, ofLooks)
		if err == nil && (who.Principal != storetest.User("ada") || string(got.Command) != command || got.Proof != call.Proof) {
			t.Errorf("%s is taken for ada's", body)
		}
		if err != nil && who.Principal != "" {
			t.Error("nobody has a name")
		}
	})
}
