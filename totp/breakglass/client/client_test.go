package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"mfawatch/internal/sts"
	"mfawatch/internal/sts/ststest"
	"mfawatch/totp/breakglass/client"
	"mfawatch/totp/breakglass/wire"
	"mfawatch/totp/seal"
)

var now = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// serve answers every call, and remembers the last.
func serve(t *testing.T, status int, body string) (client.Door, *http.Request, *string) {
	t.Helper()
	got, said := new(http.Request), new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		*got, *said = *r, string(text)
		w.Header().Set("Date", now.Format(http.TimeFormat))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(srv.Close)
	return client.Door{URL: srv.URL, Name: "main", Region: "eu-north-1", Credentials: credentials.NewStaticCredentialsProvider("ASIAEXAMPLE", "hidden", "token"), Now: func() time.Time { return now }}, got, said
}

func use() wire.Command {
	return wire.Command{Command: wire.Use, Request: "0123456789ABCDEF", Device: "ada-totp", Code: "998877"}
}

func TestACallIsSigned(t *testing.T) {
	door, got, said := serve(t, 200, `{"unlocked":true}`)
	a, err := door.Do(t.Context(), use())
	if err != nil || !a.Unlocked {
		t.Fatalf("%+v, %v", a, err)
	}
	auth := got.Header.Get("Authorization")
	if !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20261120/eu-north-1/lambda/aws4_request") || got.Header.Get("X-Amz-Security-Token") != "token" || got.Method != http.MethodPost {
		t.Errorf("%s %s, signed %s", got.Method, got.URL, auth)
	}
	call, c, err := wire.ParseCall([]byte(*said))
	if err != nil || c != use() {
		t.Errorf("the body is not a call of the command: %v", err)
	}
	// What AWS would say of the proof, by who has the key.
	s := &ststest.Server{Now: func() time.Time { return now }}
	s.Know("ASIAEXAMPLE", ststest.Key{Secret: "hidden", Token: "token", ARN: "arn:aws:iam::111122223333:user/ada"})
	p := call.Proof
	asked := sts.NewIdentities(aws.Config{Region: "eu-north-1"}, s, time.Second)
	who, err := asked.Of(t.Context(), sts.Signed{Key: p.Key, At: p.At, Token: p.Token, Signature: p.Signature}, call.Signed())
	if err != nil || who.ARN != "arn:aws:iam::111122223333:user/ada" || p.Door != "main" {
		t.Errorf("the proof is %+v's for %s, %v", who, p.Door, err)
	}
}

// TestNoProof: without a name of the door or a Region nothing is sent.
func TestNoProof(t *testing.T) {
	for _, change := range []func(*client.Door){func(d *client.Door) { d.Name = "" }, func(d *client.Door) { d.Region = "" }} {
		door, got, _ := serve(t, 200, `{"unlocked":true}`)
		change(&door)
		if _, err := door.Do(t.Context(), use()); err == nil || !strings.Contains(err.Error(), "prove to the door who calls") || got.Method != "" {
			t.Errorf("%v, sent %s", err, got.Method)
		}
	}
}

func TestAnswersThatAreNo(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
		like       any
	}{
		{403, `{"refused":{"reason":"locked","text":"the device is locked"}}`, "the device is locked", new(*client.Refused)},
		{503, `{"failed":{"reason":"store-down","text":"rows cannot be read"}}`, "rows cannot be read (store-down)", new(*client.Failed)},
		{403, `{"Message":"Forbidden"}`, "in a session with MFA", new(*client.NotLetIn)},
		{429, `{"Message":"Rate Exceeded"}`, "HTTP 429", new(*client.NotLetIn)},
		{502, `<html>`, "--offline", new(*client.NotLetIn)},
		{200, `<html>`, "is not the door", new(*client.NotLetIn)},
		{307, ``, "is not the door (HTTP 307)", new(*client.NotLetIn)},
	} {
		door, got, _ := serve(t, c.status, c.body)
		_, err := door.Do(t.Context(), use())
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, c.like) || strings.Contains(err.Error(), "998877") {
			t.Errorf("%d %s: %v, want %s", c.status, c.body, err, c.want)
		}
		if got.URL.Path != "/" && got.URL.Path != "" {
			t.Errorf("%d: the command was sent on to %s", c.status, got.URL)
		}
	}
	door, _, _ := serve(t, 403, `{"message":"Signature expired"}`)
	door.Now = func() time.Time { return now.Add(7 * time.Minute) }
	if _, err := door.Do(t.Context(), use()); err == nil || !strings.Contains(err.Error(), "clock is off by 7m0s") {
		t.Errorf("a clock that is off: %v", err)
	}
}

// A connection that breaks after the command went out is not tried again.
func TestACommandIsSentOnce(t *testing.T) {
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	door, _, _ := serve(t, 200, "")
	door.URL = srv.URL
	if _, err := door.Do(t.Context(), use()); !errors.Is(err, client.ErrUnreachable) || n.Load() != 1 {
		t.Errorf("%v after %d calls", err, n.Load())
	}
}

func TestURLs(t *testing.T) {
	for _, bad := range []string{"", "door", "http://door.example/", "ftp://127.0.0.1/", "https://u:p@door.example/", "https://door.example/?a=b"} {
		if err := client.CheckURL(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	const good = "https://abc123.lambda-url.eu-north-1.on.aws/"
	if err := client.CheckURL(good); err != nil || client.RegionOf(good) != "eu-north-1" || client.RegionOf("https://door.example/") != "" {
		t.Errorf("%v, Region %s", err, client.RegionOf(good))
	}
}

func requests(t *testing.T) (client.Requests, string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/requests"
	s, err := seal.OpenStore(dir, seal.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	return client.Requests{Seals: s}, dir
}

func grant(t *testing.T, recipient string) wire.Grant {
	t.Helper()
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(wire.Credentials{AccessKeyId: "ASIAEXAMPLE", SecretAccessKey: "hidden", SessionToken: "token"}.JSON())
	if err := errors.Join(err, w.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	return wire.Grant{Request: "0123456789ABCDEF", Credentials: b.String()}
}

// A grant opens where it was asked for, also where the door's answer to the request was
// lost, and not twice when it was handed on.
func TestRequests(t *testing.T) {
	ctx := context.Background()
	r, dir := requests(t)
	one, err := r.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := r.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Bind(ctx, one, "0123456789ABCDEF"); err != nil {
		t.Fatal(err)
	}
	for _, recipient := range []string{one, lost} {
		if c, err := r.Open(ctx, grant(t, recipient)); err != nil || c.SessionToken != "token" {
			t.Errorf("open: %v", err)
		}
	}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		text, _ := os.ReadFile(dir + "/" + f.Name())
		if bytes.Contains(text, []byte("AGE-SECRET-KEY")) {
			t.Errorf("%s shows an identity", f.Name())
		}
	}
	if err := errors.Join(r.Forget("0123456789ABCDEF"), r.Forget("0123456789ABCDEF")); err != nil {
		t.Error(err)
	}
	if _, err := r.Open(ctx, grant(t, one)); err == nil || !strings.Contains(err.Error(), "use it where it was asked") {
		t.Errorf("after it was handed on: %v", err)
	}
	other, _ := requests(t)
	if _, err := other.Open(ctx, grant(t, one)); err == nil || !strings.Contains(err.Error(), "has no identity of request") {
		t.Errorf("on another machine: %v", err)
	}
}

// An identity that does not open, because it is damaged or somebody else's, is in the way
// of none that does; it is said only where it was come by.
func TestRequestsBesideOnesThatDoNotOpen(t *testing.T) {
	ctx := t.Context()
	for name, bound := range map[string]bool{"the request's own": true, "one whose answer was lost": false} {
		r, dir := requests(t)
		var said []string
		r.Say = func(text string) { said = append(said, text) }
		mine, err := r.New(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if bound {
			err = r.Bind(ctx, mine, "0123456789ABCDEF")
		}
		other, from := requests(t)
		strange, bad := other.New(ctx)
		cut, worse := r.New(ctx)
		if err := errors.Join(err, bad, worse); err != nil {
			t.Fatal(err)
		}
		move(t, from, dir)
		shorten(t, dir, "unsent-"+cut[len(cut)-16:]+"*")
		c, err := r.Open(ctx, grant(t, mine))
		if err != nil || c.SessionToken != "token" {
			t.Errorf("%s: %v", name, err)
		}
		if bound && len(said) > 0 {
			t.Errorf("%s: said %q, though it is tried first", name, said)
		}
		for _, one := range said {
			if !strings.Contains(one, "was left out") || strings.Contains(one, "AGE-SECRET-KEY") {
				t.Errorf("%s: said %q", name, one)
			}
		}
		_, err = r.Open(ctx, grant(t, strange))
		if err == nil || !strings.Contains(err.Error(), "cannot be read") || !strings.Contains(err.Error(), strange[len(strange)-16:]) {
			t.Errorf("%s: the stranger's: %v", name, err)
		}
	}
}

// The request's own that does not open is the error, and one that is left out is said.
func TestRequestsOfADamagedIdentity(t *testing.T) {
	r, dir := requests(t)
	own, err := r.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost, err := r.New(t.Context())
	if err := errors.Join(err, r.Bind(t.Context(), own, "0123456789ABCDEF")); err != nil {
		t.Fatal(err)
	}
	shorten(t, dir, "0123456789*")
	if _, err := r.Open(t.Context(), grant(t, own)); err == nil || !strings.Contains(err.Error(), "0123456789ABCDEF") || !strings.Contains(err.Error(), "it is damaged or cut short") {
		t.Errorf("open: %v", err)
	}
	var said []string
	r.Say = func(text string) { said = append(said, text) }
	if _, err := r.Open(t.Context(), grant(t, lost)); err != nil || len(said) != 1 || !strings.Contains(said[0], "was left out") || !strings.Contains(said[0], "it is damaged or cut short") {
		t.Errorf("open: %v, said %q", err, said)
	}
}

// move puts the files of one folder into another.
func move(t *testing.T, from, to string) {
	t.Helper()
	files, err := filepath.Glob(from + "/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, files %v", err, files)
	}
	for _, f := range files {
		if err := os.Rename(f, filepath.Join(to, filepath.Base(f))); err != nil {
			t.Fatal(err)
		}
	}
}

// shorten damages the identity whose file has a name of this pattern.
func shorten(t *testing.T, dir, pattern string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, files %v", err, files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], text[:len(text)-8], 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsNoDoor: a no of AWS is no reason to go another way.
func TestWhatIsNoDoor(t *testing.T) {
	for n, want := range map[client.NotLetIn]bool{
		{Status: 502}: true, {Status: 200}: true, {Status: 403}: false, {Status: 429}: false, {Status: 502, Off: -time.Hour}: false,
	} {
		if n.IsNoDoor() != want || want != strings.Contains(n.Error(), "--offline") {
			t.Errorf("%+v: %v, and it says %s", n, n.IsNoDoor(), n.Error())
		}
	}
}
