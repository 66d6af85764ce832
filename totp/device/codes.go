package device

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/seal"
)

// Codes makes the codes of one device: of a sealed key, typed by a person who reads them
// off a token, or of a YubiKey. What it hands out is good when it is handed out, and
// nobody else gets it. Whoever gets it says what became of it, with Answered or
// Returned; where that is not known, with neither: nobody gets it again then.
type Codes interface {
	// One is a code for STS.
	One(context.Context) (Handed, error)
	// Pair is two codes that follow each other, for enabling and resync.
	Pair(context.Context) (Handed, error)
}

// Handed is a code, or two, that nobody else gets.
type Handed struct {
	First, Second seal.Secret // Second is empty where one code was asked for
	settle        func(ctx context.Context, answered bool) error
}

// Hand makes a Handed, for those who make codes. settle is told whether AWS may have
// looked at them; nil where nobody needs to know.
func Hand(first, second string, settle func(ctx context.Context, answered bool) error) Handed {
	return Handed{seal.NewSecret([]byte(first)), seal.NewSecret([]byte(second)), settle}
}

// Answered says that AWS said yes or no: the codes are spent.
func (h Handed) Answered(ctx context.Context) error { return h.settled(ctx, true) }

// Returned says that AWS was not asked, or did not look: somebody else may use them.
func (h Handed) Returned(ctx context.Context) error { return h.settled(ctx, false) }

func (h Handed) wipe() {
	h.First.Wipe()
	h.Second.Wipe()
}

func (h Handed) settled(ctx context.Context, answered bool) error {
	h.wipe()
	if h.settle == nil {
		return nil
	}
	return h.settle(ctx, answered)
}

const (
	remaining = 5 * time.Second // that a code is good when it is handed out
	quiet     = time.Second     // a wait that nobody needs to be told of
	leases    = 3               // that are tried when the machine slept over one
)

// Sealed makes codes of a key that is opened for each, of the steps that a ledger leases.
type Sealed struct {
	Serial string
	Open   func(context.Context) (totp.Key, error)
	// At makes the code of a step where the key does not leave a device, such as a
	// YubiKey: then Open gives a key with the right settings and any secret, for the
	// steps. Nil: the key that Open gives makes it.
	At       func(ctx context.Context, step int64) (string, error)
	Prover   ledger.Prover
	Remains  time.Duration    // that a code is good when its making begins, where a person has to touch something; 0: 5 s
	Patience time.Duration    // the longest wait for a code; 0: as long as the context lasts
	Say      func(string)     // is told why it takes long; nil: nobody is
	Now      func() time.Time // nil: time.Now
}

// One leases a code for STS.
func (s Sealed) One(ctx context.Context) (Handed, error) { return s.hand(ctx, ledger.Session) }

// Pair leases two codes, and waits until the second is good: AWS takes stale ones too,
// and then has the device out of sync (IAM API reference, EnableMFADevice).
func (s Sealed) Pair(ctx context.Context) (Handed, error) { return s.hand(ctx, ledger.Device) }

func (s Sealed) hand(ctx context.Context, p ledger.Purpose) (Handed, error) {
	k, err := s.Open(ctx)
	if err != nil {
		return Handed{}, fmt.Errorf("open the key of device %s: %w", s.Serial, err)
	}
	if err := awsTakes(k); err != nil {
		return Handed{}, fmt.Errorf("device %s: %w", s.Serial, err)
	}
	for range leases {
		l, err := s.lease(ctx, k, p)
		if err != nil {
			return Handed{}, err
		}
		h, err := s.make(ctx, k, l)
		if err != nil {
			return Handed{}, errors.Join(err, s.giveBack(ctx, l))
		}
		if clock(s.Now).Before(l.Until) {
			return h, nil
		}
		tell(s.Say, "device %s: the touch came too late for its code: touch again for the next", s.Serial)
		if err := h.Returned(ctx); err != nil {
			return Handed{}, err
		}
	}
	return Handed{}, fmt.Errorf("device %s: %w: its codes were over when they were made: touch the key as soon as it blinks", s.Serial, ErrLater)
}

// awsTakes refuses keys that make other codes than AWS's devices do.
func awsTakes(k totp.Key) error {
	if s := k.Settings(); s.Kind != totp.TOTP || s.Algorithm != totp.SHA1 || s.Digits != 6 || s.Period != 30 {
		return errors.New("AWS takes codes of six digits, of 30 s and SHA1 only, and its key makes others: enrol a device anew")
	}
	return nil
}

// lease gets steps and waits for them. When the machine slept meanwhile, they are over,
// and others are leased.
func (s Sealed) lease(ctx context.Context, k totp.Key, p ledger.Purpose) (ledger.Lease, error) {
	q := ledger.Request{Device: s.Serial, Owner: rand.Text(), Purpose: p, Remains: cmp.Or(s.Remains, remaining), Elsewhere: s.At != nil}
	for range leases {
		if err := s.patient(ctx, k, q); err != nil {
			return ledger.Lease{}, err
		}
		l, err := s.Prover.Lease(ctx, k, q, clock(s.Now))
		if err != nil {
			return ledger.Lease{}, tooEarly(err)
		}
		if err := s.await(ctx, l); err != nil {
			return ledger.Lease{}, errors.Join(err, s.giveBack(ctx, l))
		}
		if clock(s.Now).Before(l.Until) {
			return l, nil
		}
		if err := s.giveBack(ctx, l); err != nil {
			return ledger.Lease{}, err
		}
	}
	return ledger.Lease{}, fmt.Errorf("device %s: %w: its codes were over before they could be shown: is the machine asleep, or its clock jumping?", s.Serial, ErrLater)
}

// tooEarly is what the ledger says when it has no code soon.
func tooEarly(err error) error {
	if later := (*ledger.Later)(nil); errors.As(err, &later) {
		return fmt.Errorf("%w: %w", ErrLater, err)
	}
	return err
}

// patient refuses a wait that is too long, before anything is leased: a lease that is
// given back stays counted, as if AWS had been asked.
func (s Sealed) patient(ctx context.Context, k totp.Key, q ledger.Request) error {
	if s.Patience <= 0 {
		return nil
	}
	look := s.Prover
	look.Store = reader{s.Prover.Store}
	l, err := look.Lease(ctx, k, q, clock(s.Now))
	switch {
	case err != nil:
		return tooEarly(err)
	case l.From.Sub(clock(s.Now)) > s.Patience:
		return fmt.Errorf("device %s: %w: the next code that AWS will check is good from %s", s.Serial, ErrLater, l.From.UTC().Format(time.RFC3339))
	}
	return nil
}

// reader lets a change be computed and keeps nothing of it.
type reader struct{ ledger.Store }

var errRead = errors.New("read only")

// Update is ledger.Store's.
func (r reader) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	err := r.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		if _, err := change(old); err != nil {
			return nil, err
		}
		return nil, errRead
	})
	if errors.Is(err, errRead) {
		return nil
	}
	return err
}

func (s Sealed) await(ctx context.Context, l ledger.Lease) error {
	d := l.From.Sub(clock(s.Now))
	if d > quiet {
		tell(s.Say, "%s", waiting(s.Serial, l, d))
	}
	if err := wait(ctx, d); err != nil {
		return fmt.Errorf("device %s: waiting for the code of %s: %w", s.Serial, l.From.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// waiting says why a code takes long, and until when.
func waiting(serial string, l ledger.Lease, d time.Duration) string {
	why := "waiting for the next code"
	switch {
	case l.Purpose == ledger.Device && d <= time.Minute:
		why = "waiting for two codes that follow each other"
	case d > time.Minute:
		why = "AWS checks nine codes of a device in three minutes, and those before are taken: waiting"
	}
	return fmt.Sprintf("device %s: %s, %d s, until %s", serial, why, int(d.Round(time.Second)/time.Second), l.From.UTC().Format(time.RFC3339))
}

func (s Sealed) make(ctx context.Context, k totp.Key, l ledger.Lease) (Handed, error) {
	at := s.At
	if at == nil {
		at = func(_ context.Context, step int64) (string, error) { return k.At(step) }
	}
	first, err := at(ctx, l.Step)
	second := ""
	if err == nil && l.Purpose == ledger.Device {
		second, err = at(ctx, l.Step+1)
	}
	if err != nil {
		return Handed{}, fmt.Errorf("device %s: %w", s.Serial, err)
	}
	return Hand(first, second, func(ctx context.Context, answered bool) error {
		if answered {
			return s.Prover.Answered(ctx, l, clock(s.Now))
		}
		return s.Prover.Return(ctx, l)
	}), nil
}

// giveBack returns a lease that was not shown, also when the context has ended.
func (s Sealed) giveBack(ctx context.Context, l ledger.Lease) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	return s.Prover.Return(ctx, l)
}
