package totp

import (
	"errors"
	"fmt"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// algorithms are ours in the words of pquerna/otp, whose zero value is SHA1: what is
// not here is refused before it is asked.
var algorithms = map[Algorithm]otp.Algorithm{SHA1: otp.AlgorithmSHA1, SHA256: otp.AlgorithmSHA256, SHA512: otp.AlgorithmSHA512}

// At makes the code of a step, or of a counter.
func (k Key) At(step int64) (string, error) {
	algorithm, known := algorithms[k.settings.Algorithm]
	switch {
	case !known || len(k.bytes()) == 0:
		return "", errors.New("a code of no key: make one with New or Parse")
	case step < 0:
		return "", fmt.Errorf("step %d is before the first", step)
	}
	return hotp.GenerateCodeCustom(k.Secret(), uint64(step), hotp.ValidateOpts{Digits: otp.Digits(k.settings.Digits), Algorithm: algorithm})
}

// Generate makes the code of a time, and tells its step.
func (k Key) Generate(now time.Time) (code string, step int64, err error) {
	if step, err = k.Step(now); err != nil {
		return "", 0, err
	}
	code, err = k.At(step)
	return code, step, err
}

// Step is the step that a time is in, by whole seconds. Times before 1970 are in
// none: RFC 6238 counts from there, and a clock that says so is wrong.
func (k Key) Step(now time.Time) (int64, error) {
	seconds := now.Unix()
	switch {
	case k.settings.Kind != TOTP:
		return 0, errors.New("only a totp key has steps in time")
	case seconds < 0:
		return 0, errors.New("the time is before 1970: set the clock")
	}
	return seconds / k.settings.Period, nil
}

// Starts is when a totp key's step begins; it ends when the next begins.
func (k Key) Starts(step int64) time.Time {
	return time.Unix(step*k.settings.Period, 0).UTC()
}
