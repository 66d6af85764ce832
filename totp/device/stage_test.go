package device_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/seal"
)

const (
	account = "111122223333"
	phone   = "arn:aws:iam::111122223333:mfa/phone"
	tablet  = "arn:aws:iam::111122223333:mfa/tablet"
	token   = "GAKT12345678"
)

// stage is an account with a user, in a bubble where waiting takes no time.
type stage struct {
	*testing.T
	srv  *fakeaws.Server
	a    *fakeaws.Account
	ada  *fakeaws.User
	keep *keep
	rows *ledgertest.Memory
	mu   sync.Mutex
	said []string
	wire func(n int, r *http.Request) error // asked when the server has answered the nth call; an error loses the answer
	n    int
}

func on(t *testing.T, f func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		time.Sleep(5 * time.Second) // into a step
		f(s)
	})
}

func newStage(t *testing.T) *stage {
	a := fakeaws.NewAccount(account)
	s := &stage{T: t, a: a, ada: a.User("ada"), srv: fakeaws.New(a), keep: &keep{keys: map[string]totp.Key{}}, rows: &ledgertest.Memory{}}
	s.ada.Keys = []fakeaws.Key{a.Key()}
	s.keep.codes = func(serial string) device.Codes { return s.sealed(serial) }
	return s
}

// RoundTrip is the wire between a client and the server.
func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) {
	out, err := s.srv.Client().Transport.RoundTrip(r)
	s.mu.Lock()
	s.n++
	n, lose := s.n, s.wire
	s.mu.Unlock()
	if lose != nil && err == nil {
		if err = lose(n, r); err != nil {
			return nil, err
		}
	}
	return out, err
}

func (s *stage) config(key string) aws.Config {
	return aws.Config{Region: "eu-north-1", HTTPClient: &http.Client{Transport: s}, Credentials: credentials.NewStaticCredentialsProvider(key, "secret", "")}
}

func (s *stage) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, text)
}

func (s *stage) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n")
}

// as is a lifecycle by an access key: ada's own, or the auditor's.
func (s *stage) as(key string) device.Lifecycle {
	return device.Lifecycle{IAM: iam.NewFromConfig(s.config(key)), STS: sts.NewFromConfig(s.config(key)), Say: s.say}
}

func (s *stage) own() device.Lifecycle { return s.as(s.ada.Keys[0].ID) }

func (s *stage) admin() device.Lifecycle { return s.as(s.a.AccessKey()) }

// withMFA is ada's lifecycle that can get a session with a device when AWS wants one.
func (s *stage) withMFA(serial string) device.Lifecycle {
	l := s.own()
	l.MFA = func(ctx context.Context) (device.IAM, error) {
		c, err := s.sessions().GetSession(ctx, device.Request{Serial: serial, Codes: s.sealed(serial)})
		if err != nil {
			return nil, err
		}
		return iam.NewFromConfig(s.config(c.AccessKeyID)), nil
	}
	return l
}

func (s *stage) sessions() device.Sessions {
	l := s.own()
	return device.Sessions{STS: l.STS, IAM: l.IAM, Say: s.say}
}

func (s *stage) prover() ledger.Prover { return ledger.Prover{Store: strict{s.rows}} }

// strict is a store that does nothing in a context that has ended, as files and tables do.
type strict struct{ ledger.Store }

func (s strict) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Store.Update(ctx, key, change)
}

func (s *stage) sealed(serial string) device.Sealed {
	return device.Sealed{Serial: serial, Prover: s.prover(), Say: s.say, Open: func(ctx context.Context) (totp.Key, error) { return s.keep.Open(ctx, serial) }}
}

func (s *stage) enrolment(name string) device.Enrolment {
	return device.Enrolment{Name: name, Keep: s.keep, Verify: true}
}

// enrolled is a device of ada's, known to STS.
func (s *stage) enrolled(name string) string {
	s.Helper()
	out, err := s.own().Enrol(s.Context(), s.enrolment(name))
	if err != nil {
		s.Fatal(err)
	}
	return out.Serial
}

// whole says what is there: ada's devices, the unassigned ones, and the kept keys that
// are those of devices.
func (s *stage) whole() string {
	var parts []string
	for _, d := range s.ada.Devices {
		parts = append(parts, "ada "+short(d.Serial)+s.kept(d.Serial))
	}
	for _, serial := range s.a.Unassigned {
		parts = append(parts, "unassigned "+short(serial)+s.kept(serial))
	}
	return strings.Join(parts, ", ")
}

func (s *stage) kept(serial string) string {
	k, err := s.keep.Open(context.Background(), serial)
	want, wrong := totp.New(k.Settings(), s.a.Secret(serial))
	switch {
	case errors.Is(err, seal.ErrNotFound):
		return ""
	case wrong != nil || !k.Equal(want):
		return " (another's seed)"
	}
	return " (sealed)"
}

func short(serial string) string { return serial[strings.LastIndex(serial, "/")+1:] }

func (s *stage) want(what, got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("%s: %s, want %s", what, got, want)
	}
}

// is holds an error to a sentinel and to texts.
func (s *stage) is(err, want error, says ...string) {
	s.Helper()
	if err == nil || want != nil && !errors.Is(err, want) {
		s.Errorf("error %v, want %v", err, want)
		return
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			s.Errorf("error %q does not say %q", err, text)
		}
	}
	s.discreet(err.Error())
}

// discreet holds a text to show no secret of the stage.
func (s *stage) discreet(text string) {
	s.Helper()
	for serial, k := range s.keep.all() {
		if strings.Contains(text, k.Secret()) {
			s.Errorf("a text shows the seed of %s", serial)
		}
	}
	if strings.Contains(text, "SecretOf") || strings.Contains(text, "TokenOf") {
		s.Error("a text shows credentials")
	}
}

// keep is a Keep in memory.
type keep struct {
	mu    sync.Mutex
	keys  map[string]totp.Key
	fail  error  // of Put
	then  func() // called by Put first
	codes func(serial string) device.Codes
}

func (k *keep) Has(ctx context.Context, serial string) (bool, error) {
	_, err := k.Open(ctx, serial)
	if errors.Is(err, seal.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (k *keep) Codes(serial string) device.Codes { return k.codes(serial) }

func (k *keep) Put(ctx context.Context, serial string, key totp.Key, over bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.then != nil {
		k.then()
	}
	_, there := k.keys[serial]
	switch {
	case k.fail != nil:
		return k.fail
	case ctx.Err() != nil:
		return ctx.Err()
	case there && !over:
		return fmt.Errorf("%s: %w", serial, seal.ErrExists)
	}
	k.keys[serial] = key
	return nil
}

func (k *keep) Open(_ context.Context, serial string) (totp.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, there := k.keys[serial]
	if !there {
		return totp.Key{}, fmt.Errorf("%s: %w", serial, seal.ErrNotFound)
	}
	return key, nil
}

func (k *keep) all() map[string]totp.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.keys)
}

// sessionOfRole is the access key of a role's session.
func (s *stage) sessionOfRole(name string) (string, error) {
	out, err := sts.NewFromConfig(s.config(s.a.AccessKey())).AssumeRole(s.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + name), RoleSessionName: aws.String("session")})
	if err != nil {
		return "", err
	}
	return *out.Credentials.AccessKeyId, nil
}
