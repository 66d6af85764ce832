package oath

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"mfawatch/totp"
	"mfawatch/totp/yubikey/apdu"
)

// What firmware can do, as Yubico documents it (YKOATH protocol specification; rename:
// the .NET SDK's manual). FIPS keys of firmware 4.4 have no SHA512 (ykman).
var (
	sinceTouch   = apdu.Version{4, 2, 4}
	sinceSHA512  = apdu.Version{4, 3, 1}
	sinceRename  = apdu.Version{5, 3, 0}
	sinceFIPS4   = apdu.Version{4, 4, 0}
	untilFIPS4   = apdu.Version{4, 5, 0}
	sincePrefix  = apdu.Version{4, 0, 1} // a name that begins another one overwrites it
	withoutError = apdu.Version{4, 3, 5}
)

// minSecret is what a key takes at least: HMAC gives the same for a secret and zeros.
const minSecret = 14

const requireTouch = 0x02

// Placement is how a seed is put onto a key.
type Placement struct {
	Name    string // on the key, instead of the seed's own ISSUER:ACCOUNT; the period is put before it where that is not 30
	Touch   bool   // each code wants a touch
	Replace bool   // overwrite a credential of the same name: its seed is lost
}

// Put writes a seed and gives what the key calls it.
func (s *Session) Put(ctx context.Context, k totp.Key, p Placement) (Credential, error) {
	set := k.Settings()
	label := p.Name
	if label == "" {
		label = Credential{Issuer: set.Issuer, Account: set.Account}.Label()
	}
	id, err := newID(label, set.Kind, set.Period)
	if err != nil {
		return Credential{}, err
	}
	if err := s.able(set, p); err != nil {
		return Credential{}, fmt.Errorf("put %q: %w", id, err)
	}
	if err := s.free(ctx, id, p.Replace); err != nil {
		return Credential{}, fmt.Errorf("put %q: %w", id, err)
	}
	data, err := putData(id, k, p.Touch)
	if err != nil {
		return Credential{}, err
	}
	if _, err := s.do(ctx, apdu.Command{Ins: insPut, Data: data}); err != nil {
		return Credential{}, fmt.Errorf("put %q: %w", id, err)
	}
	c := named(id, set.Kind)
	c.Algorithm = set.Algorithm
	return c, nil
}

// able says what the firmware cannot do.
func (s *Session) able(set totp.Settings, p Placement) error {
	old := func(what string, since apdu.Version) error {
		return fmt.Errorf("%w: %s needs firmware %v, and this key has %v, which cannot be updated: use another key", ErrUnsupported, what, since, s.version)
	}
	switch {
	case set.Kind != totp.TOTP && set.Kind != totp.HOTP:
		return errors.New("there is no seed to put onto the key")
	case p.Touch && s.version.Before(sinceTouch):
		return old("a touch for each code", sinceTouch)
	case set.Algorithm == totp.SHA512 && s.version.Before(sinceSHA512):
		return old("SHA512", sinceSHA512)
	case set.Algorithm == totp.SHA512 && !s.version.Before(sinceFIPS4) && s.version.Before(untilFIPS4):
		return fmt.Errorf("%w: FIPS keys of firmware 4.4 have no SHA512: use SHA1 or SHA256, or another key", ErrUnsupported)
	case set.Counter > math.MaxUint32:
		return fmt.Errorf("%w: the counter %d has more than the 32 bits that keys count with", ErrUnsupported, set.Counter)
	}
	return nil
}

// free makes sure that no seed is lost by accident.
func (s *Session) free(ctx context.Context, id string, replace bool) error {
	all, err := s.list(ctx)
	if err != nil {
		return err
	}
	overwrites := !s.version.Before(sincePrefix) && s.version.Before(withoutError)
	for _, c := range all {
		switch {
		case c.ID == id && !replace:
			return ErrExists
		case c.ID != id && overwrites && strings.HasPrefix(c.ID, id):
			return fmt.Errorf("%w: the firmware %v overwrites %q when a name that begins like it is put: choose another name", ErrUnsupported, s.version, c.ID)
		}
	}
	return nil
}

// putData is the data of PUT. Do overwrites it.
func putData(id string, k totp.Key, touch bool) ([]byte, error) {
	set := k.Settings()
	secret, err := totp.DecodeSecret(k.Secret())
	if err != nil {
		return nil, err
	}
	kind, algorithm := byte(totpCode), byte(sha1Code)
	if set.Kind == totp.HOTP {
		kind = hotpCode
	}
	switch set.Algorithm {
	case totp.SHA256:
		algorithm = sha256Code
	case totp.SHA512:
		algorithm = sha512Code
	}
	key := append([]byte{kind | algorithm, byte(set.Digits)}, fitted(secret, set.Algorithm)...)
	data := apdu.AppendTLV(apdu.AppendTLV(make([]byte, 0, 255), tagName, []byte(id)), tagKey, key)
	clear(key)
	clear(secret)
	if touch {
		data = append(data, tagProperty, requireTouch)
	}
	if set.Counter > 0 {
		data = apdu.AppendTLV(data, tagCounter, binary.BigEndian.AppendUint32(nil, uint32(set.Counter)))
	}
	return data, nil
}

// fitted is a secret as long as keys take it. HMAC itself hashes a secret that is longer
// than a block, and fills a shorter one up with zeros (RFC 2104), so codes are the same.
func fitted(secret []byte, algorithm totp.Algorithm) []byte {
	switch {
	case algorithm == totp.SHA1 && len(secret) > sha1.BlockSize:
		sum := sha1.Sum(secret)
		return sum[:]
	case algorithm == totp.SHA256 && len(secret) > sha256.BlockSize:
		sum := sha256.Sum256(secret)
		return sum[:]
	case algorithm == totp.SHA512 && len(secret) > sha512.BlockSize:
		sum := sha512.Sum512(secret)
		return sum[:]
	}
	return append(append([]byte(nil), secret...), make([]byte, max(0, minSecret-len(secret)))...)
}

// Delete removes a credential; its seed is lost.
func (s *Session) Delete(ctx context.Context, c Credential) error {
	_, err := s.do(ctx, apdu.Command{Ins: insDelete, Data: apdu.AppendTLV(nil, tagName, []byte(c.ID))})
	return s.about("delete", c, err)
}

// Rename gives a credential another label. Its period stays.
func (s *Session) Rename(ctx context.Context, c Credential, label string) (Credential, error) {
	if s.version.Before(sinceRename) {
		return Credential{}, fmt.Errorf("rename %q: %w: it needs firmware %v, and this key has %v: put the seed anew under the other name", c.ID, ErrUnsupported, sinceRename, s.version)
	}
	period := c.Period
	if period < 1 { // the name said none that can be kept
		period = defaultPeriod
	}
	id, err := newID(label, c.Kind, period)
	if err != nil {
		return Credential{}, err
	}
	if err := s.free(ctx, id, false); err != nil {
		return Credential{}, fmt.Errorf("rename %q to %q: %w", c.ID, id, err)
	}
	data := apdu.AppendTLV(apdu.AppendTLV(nil, tagName, []byte(c.ID)), tagName, []byte(id))
	_, err = s.do(ctx, apdu.Command{Ins: insRename, Data: data})
	if err := s.about("rename", c, err); err != nil {
		return Credential{}, err
	}
	renamed := named(id, c.Kind)
	renamed.Algorithm = c.Algorithm
	return renamed, nil
}

// about words an error about a credential.
func (s *Session) about(what string, c Credential, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, apdu.NoObject):
		return fmt.Errorf("%s %q: %w", what, c.ID, ErrNotFound)
	}
	return fmt.Errorf("%s %q: %w", what, c.ID, err)
}

// Reset deletes every credential and the password. It wants the DeviceID of this
// application said again, so that no other key's is deleted by a slip. It works on
// a locked application too: it is how a forgotten password is got rid of.
func (s *Session) Reset(ctx context.Context, deviceID string) error {
	if deviceID != s.DeviceID() {
		return fmt.Errorf("reset: the id %q is not this key's, which is %s: nothing was deleted", deviceID, s.DeviceID())
	}
	if _, err := s.app.Do(ctx, apdu.Command{Ins: insReset, P1: 0xde, P2: 0xad}); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return s.Lock(ctx)
}
