package offline_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/internal/fakeaws"
	"mfawatch/internal/iam"
	"mfawatch/totp"
	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/breakglass/offline"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

const account = "111122223333"

// scene is an account with a break-glass user, and a machine with the bundle's contents.
type scene struct {
	*testing.T
	srv  *fakeaws.Server
	own  *fakeaws.Account
	user *fakeaws.User
	now  time.Time
	dead map[string]bool // Regions that do not answer
	lost map[string]bool // Regions whose answer to AssumeRole is lost
	said []string
	way  offline.Way
}

func newScene(t *testing.T) *scene {
	t.Helper()
	a := fakeaws.NewAccount(account)
	s := &scene{T: t, srv: fakeaws.New(a), own: a, user: a.User("break-glass-ada"), now: time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC), dead: map[string]bool{}, lost: map[string]bool{}}
	s.srv.Now = func() time.Time { return s.now }
	s.user.Keys = []fakeaws.Key{a.Key()}
	d := a.Virtual("break-glass-ada")
	s.user.Devices = []fakeaws.Device{d}
	a.Seed(d.Serial, []byte("12345678901234567890"))
	a.Role("break-glass").RequireMFA = true
	s.way = offline.Way{
		Journal: offline.Journal{Folder: folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}, Door: "prod.ada.0123"},
		Bundle: bundle.Contents{
			Door: "prod", Person: "ada", User: a.ARN(s.user), Role: "arn:aws:iam::" + account + ":role/break-glass", Serial: d.Serial,
			Regions: []string{"eu-north-1", "eu-west-1", "us-east-1"}, To: []string{"age1example"}, Key: s.user.Keys[0].ID, Secret: seal.NewSecret([]byte("SecretOfTheBundle")),
		},
		Codes: device.NewTyped(d.Serial, func(context.Context, string) (string, error) { return s.code(), nil }),
		STS:   s.sts, Say: func(text string) { s.said = append(s.said, text) }, Now: s.srv.Now,
	}
	return s
}

// code is the device's; each is of the next step.
func (s *scene) code() string {
	k, err := totp.New(totp.Settings{Account: "x"}, []byte("12345678901234567890"))
	if err != nil {
		s.Fatal(err)
	}
	s.now = s.now.Add(30 * time.Second)
	text, _, err := k.Generate(s.now)
	if err != nil {
		s.Fatal(err)
	}
	return text
}

func (s *scene) config(region string) aws.Config {
	return aws.Config{Region: region, HTTPClient: &http.Client{Transport: wire{s, region}}, Credentials: credentials.NewStaticCredentialsProvider(s.way.Bundle.Key, "x", ""), RetryMaxAttempts: 1}
}

func (s *scene) sts(region string) device.STS { return sts.NewFromConfig(s.config(region)) }

// wire is the network between.
type wire struct {
	s      *scene
	region string
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.s.dead[w.region] {
		return nil, errors.New("no route to host")
	}
	before := w.s.srv.Counts()["sts:AssumeRole"]
	out, err := w.s.srv.Client().Transport.RoundTrip(r)
	if w.s.lost[w.region] && w.s.srv.Counts()["sts:AssumeRole"] > before {
		return nil, errors.New("connection reset by peer")
	}
	return out, err
}

// entries are the record's, as WHAT/OUTCOME/REASON.
func (s *scene) entries() string {
	s.Helper()
	lines, _, err := s.way.Journal.Read()
	if err != nil {
		s.Fatal(err)
	}
	var all []string
	for _, line := range lines {
		e, err := record.Parse(line)
		if err != nil {
			s.Fatal(err)
		}
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s/%s/%s", e.What, e.Outcome, e.Reason), "/"))
	}
	return strings.Join(all, " ")
}

func ask() offline.Ask {
	return offline.Ask{Why: "the identity provider is down", Ticket: "INC-7", Duration: 15 * time.Minute}
}

func TestUse(t *testing.T) {
	s := newScene(t)
	got, err := s.way.Use(t.Context(), ask())
	if err != nil {
		t.Fatal(err)
	}
	known, there := s.srv.Session(got.AccessKeyID)
	if want := "assumed-role/break-glass/" + got.Name; !there || !strings.HasSuffix(known.ARN, want) || !known.MFA {
		t.Errorf("the session is %+v, want %s with MFA", known, want)
	}
	if d := got.Expires.Sub(s.now); d > 15*time.Minute || d < 14*time.Minute {
		t.Errorf("it lasts %v", d)
	}
	if got, want := s.entries(), "asked/done issued/done"; got != want {
		t.Errorf("record: %s, want %s", got, want)
	}
	lines, _, _ := s.way.Journal.Read()
	for _, line := range lines {
		if strings.Contains(string(line), string(got.SessionToken.Reveal())) || strings.Contains(string(line), "SecretOf") {
			t.Error("the record has a secret")
		}
	}
}

// A Region that does not answer costs no code, and one whose answer is lost costs one.
func TestRegions(t *testing.T) {
	for _, c := range []struct {
		name       string
		dead, lost []string
		region     string
		calls      int
	}{
		{"all answer", nil, nil, "eu-north-1", 1},
		{"home is out", []string{"eu-north-1"}, nil, "eu-west-1", 1},
		{"two are out", []string{"eu-north-1", "eu-west-1"}, nil, "us-east-1", 1},
		{"an answer is lost", nil, []string{"eu-north-1"}, "eu-west-1", 2},
	} {
		s := newScene(t)
		for _, r := range c.dead {
			s.dead[r] = true
		}
		for _, r := range c.lost {
			s.lost[r] = true
		}
		got, err := s.way.Use(t.Context(), ask())
		if err != nil || got.Region != c.region || s.srv.Counts()["sts:AssumeRole"] != c.calls {
			t.Errorf("%s: Region %s after %d calls, %v; want %s after %d", c.name, got.Region, s.srv.Counts()["sts:AssumeRole"], err, c.region, c.calls)
		}
	}
}

// What goes wrong is in the record, with why, and gives nothing.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, record string
		change       func(*scene)
		want         error
		codes        int
	}{
		{"all Regions out", "asked/done not-issued/failed/unreachable", func(s *scene) {
			for _, r := range s.way.Bundle.Regions {
				s.dead[r] = true
			}
		}, offline.ErrUnreachable, 0},
		{"key rotated", "asked/done not-issued/refused/wrong-key", func(s *scene) { s.user.Keys = nil }, nil, 0},
		{"another user's key", "asked/done not-issued/refused/wrong-key", func(s *scene) {
			s.own.User("eve").Keys, s.user.Keys = s.user.Keys, nil
		}, nil, 0},
		{"wrong code", "asked/done not-issued/refused/wrong-code", func(s *scene) {
			s.way.Codes = device.NewTyped(s.way.Bundle.Serial, func(context.Context, string) (string, error) { return "000000", nil })
		}, device.ErrRefused, 1},
		{"no trust", "asked/done not-issued/refused/denied", func(s *scene) { s.own.Roles[0].ExternalID = "x" }, device.ErrDenied, 1},
	} {
		s := newScene(t)
		c.change(s)
		got, err := s.way.Use(t.Context(), ask())
		if err == nil || c.want != nil && !errors.Is(err, c.want) || got.AccessKeyID != "" {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
		if got := s.entries(); got != c.record {
			t.Errorf("%s: record %s, want %s", c.name, got, c.record)
		}
		if got := s.srv.Counts()["sts:AssumeRole"]; got != c.codes {
			t.Errorf("%s: AWS was shown %d codes, want %d", c.name, got, c.codes)
		}
	}
}

// No record, no code is shown; a record that fails after AWS's yes, no session.
func TestNoRecordNoGrant(t *testing.T) {
	s := newScene(t)
	dir := s.way.Journal.Folder.Dir
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.way.Use(t.Context(), ask()); err == nil || !strings.Contains(err.Error(), "no record, no grant") || len(s.srv.Calls()) != 0 {
		t.Errorf("without a record: %v, calls %v", err, s.srv.Calls())
	}

	s = newScene(t)
	s.srv.Before = func(c fakeaws.Call) {
		if c.Action == "sts:AssumeRole" {
			if err := os.Chmod(s.way.Journal.Folder.Dir, 0o755); err != nil { // which the folder refuses
				t.Error(err)
			}
		}
	}
	if got, err := s.way.Use(t.Context(), ask()); err == nil || !strings.Contains(err.Error(), "thrown away") || got.AccessKeyID != "" {
		t.Errorf("a session that is not recorded: %v, %v", got, err)
	}
}

// Questions that cannot stand in the record cost nothing.
func TestAsksThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(*offline.Ask){
		"why": func(a *offline.Ask) { a.Why = " " }, "short": func(a *offline.Ask) { a.Duration = time.Minute }, "long": func(a *offline.Ask) { a.Duration = 2 * time.Hour },
		"escape": func(a *offline.Ask) { a.Why = "a\x1b[2J" }, "ticket": func(a *offline.Ask) { a.Ticket = strings.Repeat("x", 300) },
	} {
		s := newScene(t)
		a := ask()
		change(&a)
		if _, err := s.way.Use(t.Context(), a); err == nil || s.entries() != "" || len(s.srv.Calls()) != 0 {
			t.Errorf("%s: %v, record %q", name, err, s.entries())
		}
	}
}

func TestDrill(t *testing.T) {
	s := newScene(t)
	s.dead["eu-west-1"] = true
	got, err := s.way.Drill(t.Context(), "quarterly")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Err != nil || got[1].Err == nil || got[2].Err != nil {
		t.Errorf("Regions: %v", got)
	}
	if n := s.srv.Counts(); n["sts:AssumeRole"] != 0 || n["sts:GetSessionToken"] != 1 {
		t.Errorf("calls: %v", n)
	}
	if got, want := s.entries(), "asked/done drilled/done"; got != want {
		t.Errorf("record: %s, want %s", got, want)
	}
	s.way.Codes = device.NewTyped(s.way.Bundle.Serial, func(context.Context, string) (string, error) { return "000000", nil })
	if _, err := s.way.Drill(t.Context(), "quarterly"); err == nil || !strings.Contains(s.entries(), "drilled/") || strings.Count(s.entries(), "drilled/done") != 1 {
		t.Errorf("a drill with a wrong code: %v, record %s", err, s.entries())
	}
}

// Many processes at once make one chain.
func TestJournalOfMany(t *testing.T) {
	s := newScene(t)
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() {
			if err := s.way.Journal.Enter(t.Context(), record.Entry{At: s.now, Request: fmt.Sprint(i), What: record.Asked, Outcome: record.Done}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got, want := s.entries(), "asked/done asked/done asked/done"; got != want {
		t.Errorf("record: %s, want %s", got, want)
	}
}

// What is sent is what an archive has not got, and an edited record is not sent.
func TestSend(t *testing.T) {
	s := newScene(t)
	to := folder.Folder{Dir: filepath.Join(t.TempDir(), "archive")}
	for _, want := range []int{2, 0, 2} {
		if want > 0 {
			if _, err := s.way.Use(t.Context(), ask()); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.way.Journal.Send(t.Context(), to); got != want || err != nil {
			t.Errorf("sent %d, %v; want %d", got, err, want)
		}
	}
	lines, _, err := to.Read()
	if report, bad := record.Verify(s.way.Journal.Door, lines, nil, nil); err != nil || bad != nil || report.Entries != 4 {
		t.Errorf("the archive: %+v, %v, %v", report, err, bad)
	}
	name := filepath.Join(s.way.Journal.Folder.Dir, "entries-000000000003.jsonl")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), "INC-7", "INC-8", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := (*record.Broken)(nil)
	if _, err := s.way.Journal.Send(t.Context(), to); !errors.As(err, &broken) {
		t.Errorf("an edited record: %v", err)
	}
	if _, err := s.way.Use(t.Context(), ask()); !errors.As(err, &broken) {
		t.Errorf("use beside an edited record: %v", err)
	}
}

// An archive that has another record of as many entries takes none of this one.
func TestSendToAnothersArchive(t *testing.T) {
	to := folder.Folder{Dir: filepath.Join(t.TempDir(), "archive")}
	for i := range 2 {
		s := newScene(t)
		if _, err := s.way.Use(t.Context(), ask()); err != nil {
			t.Fatal(err)
		}
		_, err := s.way.Journal.Send(t.Context(), to)
		if i == 0 && err != nil || i == 1 && (err == nil || !strings.Contains(err.Error(), "the archive's entry 2 is not this machine's")) {
			t.Errorf("machine %d: %v", i, err)
		}
	}
}

// The key is rotated with the session of the role, at the wire of IAM.
func TestRotateAtIAM(t *testing.T) {
	s := newScene(t)
	got, err := s.way.Use(t.Context(), ask())
	if err != nil {
		t.Fatal(err)
	}
	old := s.way.Bundle
	kept := old
	cfg := s.config("us-east-1")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(got.AccessKeyID, string(got.SecretAccessKey.Reveal()), string(got.SessionToken.Reveal()))
	r := bundle.Rotation{Keys: iam.NewAccessKeys(cfg), Keep: func(_ context.Context, c bundle.Contents) error { kept = c; return nil }, Note: func(bundle.Progress) error { return nil }, Now: time.Now}
	if _, err := r.Run(t.Context(), old, bundle.Progress{From: old.Key}); err != nil {
		t.Fatal(err)
	}
	if len(s.user.Keys) != 1 || s.user.Keys[0].ID != kept.Key || kept.Key == old.Key || string(kept.Secret.Reveal()) != "SecretOf/"+kept.Key {
		t.Errorf("AWS has %v, the bundle %s", s.user.Keys, kept.Key)
	}
	s.way.Bundle = kept
	if _, err := s.way.Use(t.Context(), ask()); err != nil {
		t.Errorf("with the new key: %v", err)
	}
}

// Nobody types a code: that is no silence of a Region, and no other is asked.
func TestNoCodeIsNoSilence(t *testing.T) {
	s := newScene(t)
	asked := 0
	s.way.Codes = device.NewTyped(s.way.Bundle.Serial, func(context.Context, string) (string, error) {
		asked++
		return "", errors.New("standard input ended")
	})
	if _, err := s.way.Use(t.Context(), ask()); err == nil || asked != 1 || len(s.said) != 0 {
		t.Errorf("%v, asked %d times, said %q", err, asked, s.said)
	}
	if got, want := s.entries(), "asked/done not-issued/failed/no-code"; got != want {
		t.Errorf("record %q, want %q", got, want)
	}
	if _, err := s.way.Drill(t.Context(), "quarterly"); err == nil || !strings.HasSuffix(s.entries(), "drilled/failed/no-code") {
		t.Errorf("a drill without a code: %v, record %q", err, s.entries())
	}
}

// TestNoSecondCode: where a Region may have taken the first, its answer is what is missing.
func TestNoSecondCode(t *testing.T) {
	s := newScene(t)
	s.lost[s.way.Bundle.Regions[0]] = true
	asked := 0
	s.way.Codes = device.NewTyped(s.way.Bundle.Serial, func(context.Context, string) (string, error) {
		if asked++; asked == 1 {
			return s.code(), nil
		}
		return "", errors.New("standard input ended")
	})
	_, err := s.way.Use(t.Context(), ask())
	if got, want := s.entries(), "asked/done not-issued/failed/no-answer"; err == nil || asked != 2 || got != want {
		t.Errorf("%v, asked %d times, record %q, want %q", err, asked, got, want)
	}
}
