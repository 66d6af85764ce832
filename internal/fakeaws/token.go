package fakeaws

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

// How AWS checks codes, as a third party recorded it and AWS does not document
// (755 observations of September 2026).
const (
	codePeriod    = 30   // seconds of a step
	sessionSlack  = 2    // steps to each side that STS takes
	searchBack    = 998  // steps behind that enabling and resync look for the second code
	searchAhead   = 1000 // and ahead
	checksAllowed = 9    // verifications of a device in each window, right, wrong and reused alike
	checkWindow   = 180  // seconds of UTC
	userDevices   = 8    // of each user (IAM user guide, id_credentials_mfa)
)

// token is what AWS keeps of a device that makes codes, assigned or not.
type token struct {
	*seed
	tags     [][2]string
	last     int64 // the second step of the last pair that was taken; 0: none
	offset   int64 // by how many steps the device is ahead
	bindings []binding
}

// seed makes codes. STS takes each once.
type seed struct {
	secret []byte
	used   map[int64]bool
}

// binding is what STS sees of a device from a time on: IAM's changes reach it late.
type binding struct {
	from   time.Time
	owner  any // *User or *Root; nil: nobody
	offset int64
	seed   *seed
}

// checked counts a device's verifications in one window. It belongs to the serial
// number: a new seed on the same one does not reset it.
type checked struct{ window, count int64 }

// newSecret is a seed as long as AWS's, made of the account's state alone.
func (a *Account) newSecret(serial string) []byte {
	sum := sha512.Sum512([]byte(a.next("SEED") + serial))
	return sum[:40]
}

// Seed gives a device a seed, as a vendor gives AWS those of hardware tokens. The
// device is new: no code of it was used.
func (a *Account) Seed(serial string, secret []byte) {
	if a.tokens == nil {
		a.tokens = map[string]*token{}
	}
	fresh := &token{seed: &seed{secret, map[int64]bool{}}}
	if old := a.tokens[serial]; old != nil {
		fresh.bindings = old.bindings // STS sees the old one as long as it was going to
	}
	a.tokens[serial] = fresh
}

// Secret is a device's seed; nil where there is none.
func (a *Account) Secret(serial string) []byte {
	if t := a.tokens[serial]; t != nil {
		return t.secret
	}
	return nil
}

// Drift is by how many steps AWS takes a device to be ahead.
func (a *Account) Drift(serial string) int64 { return a.tokens[serial].offset }

// Checks are the verifications of a device in the window of a time.
func (a *Account) Checks(serial string, at time.Time) int64 {
	if c := a.checks[serial]; c.window == windowOf(at) {
		return c.count
	}
	return 0
}

// Sweep deletes virtual devices that nobody uses, as AWS does when somebody adds a
// device in the console.
func (a *Account) Sweep() { a.Unassigned = nil }

func windowOf(t time.Time) int64 { return t.Unix() / checkWindow }

func stepOf(t time.Time) int64 { return t.Unix() / codePeriod }

func seedText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// at is the code of a step (RFC 4226), always of six digits.
func (t *seed) at(step int64) string {
	var moving [8]byte
	binary.BigEndian.PutUint64(moving[:], uint64(step))
	mac := hmac.New(sha1.New, t.secret)
	mac.Write(moving[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// pair finds two codes that follow each other, both newer than those of the last
// pair, and keeps how far off the device is.
func (t *token) pair(first, second string, now time.Time) bool {
	middle := stepOf(now) + t.offset
	for step := middle - searchBack; step <= middle+searchAhead; step++ {
		if step-1 > t.last && t.at(step) == second && t.at(step-1) == first {
			t.last, t.offset = step, step-stepOf(now)
			return true
		}
	}
	return false
}

// one takes a code that STS is given. Codes that were not used may come in any order.
func (t *seed) one(code string, offset int64, now time.Time) bool {
	middle := stepOf(now) + offset
	for step := middle - sessionSlack; step <= middle+sessionSlack; step++ {
		if !t.used[step] && t.at(step) == code {
			t.used[step] = true
			return true
		}
	}
	return false
}

// bind tells STS of a change, at a time and not before the last one.
func (t *token) bind(owner any, from time.Time) {
	if n := len(t.bindings); n > 0 && t.bindings[n-1].from.After(from) {
		from = t.bindings[n-1].from
	}
	t.bindings = append(t.bindings, binding{from, owner, t.offset, t.seed})
}

// seen is what STS sees of a device.
func (t *token) seen(now time.Time) binding {
	for i := len(t.bindings) - 1; i >= 0; i-- {
		if !t.bindings[i].from.After(now) {
			return t.bindings[i]
		}
	}
	return binding{}
}

// known makes what a test assigned by hand known to STS since ever.
func (t *token) known(owner any) {
	if len(t.bindings) == 0 {
		t.bind(owner, time.Time{})
	}
}

// authenticate answers whether a call was made with a second factor. Without serial
// number and code there is none.
func (s *Server) authenticate(q *request) (bool, *refusal) {
	serial, code := q.form.Get("SerialNumber"), q.form.Get("TokenCode")
	switch {
	case serial == "" && code == "":
		return false, nil
	case serial == "" || code == "":
		return false, refuse(403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	if no := wellFormed(serial, map[string]string{"tokenCode": code}); no != nil {
		return false, no
	}
	a, now := q.account, s.Now()
	t := a.tokens[serial]
	if t == nil || q.by.owner() == nil {
		return false, unavailable()
	}
	a.settled(serial, t)
	seen := t.seen(now)
	if seen.owner != q.by.owner() || !a.mayCheck(serial, now) {
		return false, unavailable()
	}
	if !seen.seed.one(code, seen.offset, now) {
		// The space at the end is AWS's.
		return false, refuse(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	return true, nil
}

// unavailable is the same text for a device that is not the caller's, that STS does
// not know yet, and that was asked too often.
func unavailable() *refusal {
	return refuse(403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
}

// settled lets STS know of devices that a test assigned without EnableMFADevice.
func (a *Account) settled(serial string, t *token) {
	if owner := a.holderOf(serial); owner != nil {
		t.known(owner)
	}
}

func (a *Account) mayCheck(serial string, now time.Time) bool {
	if a.checks == nil {
		a.checks = map[string]checked{}
	}
	c := a.checks[serial]
	if c.window != windowOf(now) {
		c = checked{window: windowOf(now)}
	}
	c.count++
	a.checks[serial] = c
	return c.count <= checksAllowed
}
