package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/codes"
)

// Start is when a play begins.
var Start = time.Unix(1_800_000_005, 0).UTC()

// User is a principal's ARN.
func User(name string) string { return "arn:aws:iam::111122223333:user/" + name }

// As is a caller.
func As(name string) breakglass.Caller { return breakglass.Caller{Principal: User(name)} }

// Cast are people with their devices and sheets, and rules for them: the door's
// Factors, for tests.
type Cast struct {
	t      testing.TB
	Rules  breakglass.Rules
	Keys   map[string]totp.Key
	Sheets map[string]codes.Sheet
	Fail   error // of Open; nil never fails
	Opened []string
	pepper codes.Pepper
	mutex  sync.Mutex
}

// NewCast makes ada, who has two principals and three devices, bob, cyd and dan, whose
// device is of the worst grade.
func NewCast(t testing.TB) *Cast {
	t.Helper()
	c := &Cast{t: t, Keys: map[string]totp.Key{}, Sheets: map[string]codes.Sheet{}}
	var err error
	if c.pepper, err = codes.NewPepper([]byte(strings.Repeat("p", 32))); err != nil {
		t.Fatal(err)
	}
	c.Rules = breakglass.Rules{Door: "main", Approve: 30 * time.Minute, Use: 15 * time.Minute}
	for _, name := range []string{"ada", "bob", "cyd", "dan"} {
		p := breakglass.Person{Name: name, Principals: []string{User(name)}}
		grade := breakglass.Touch
		if name == "dan" {
			grade = breakglass.Software
		}
		p.Devices = append(p.Devices, c.device(name+"-totp", breakglass.TOTP, grade), c.sheet(name+"-sheet"))
		if name == "ada" {
			p.Principals = append(p.Principals, User("ada-laptop"))
			p.Devices = append(p.Devices, c.device("ada-hotp", breakglass.HOTP, breakglass.NoTouch))
		}
		c.Rules.People = append(c.Rules.People, p)
	}
	three := []string{"ada", "bob", "cyd"}
	c.Rules.Roles = []breakglass.Role{
		{
			Name: "admin", ARN: "arn:aws:iam::111122223333:role/break-glass", Requesters: three, Approvers: three, Approvals: 1, Longest: time.Hour,
			Grade: breakglass.Touch, Sheets: true, Alone: breakglass.Alone{Allowed: true, CoolOff: 5 * time.Minute, Grade: breakglass.Touch},
		},
		{
			Name: "core", ARN: "arn:aws:iam::111122223333:role/core", Requesters: []string{"ada", "bob"}, Approvers: []string{"ada", "bob", "cyd", "dan"}, Approvals: 2, Longest: 30 * time.Minute,
			CoolOff: 10 * time.Minute, Grade: breakglass.Software, Ticket: true,
		},
	}
	return c
}

func (c *Cast) device(id string, kind breakglass.Kind, grade breakglass.Grade) breakglass.Device {
	k, err := totp.New(totp.Settings{Kind: totp.Kind(kind), Account: id}, []byte(strings.Repeat(id, 3)[:20]))
	if err != nil {
		c.t.Fatal(err)
	}
	c.Keys[id] = k
	return breakglass.Device{ID: id, Kind: kind, Grade: grade}
}

func (c *Cast) sheet(id string) breakglass.Device {
	s, err := codes.Make(id, 20, rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Sheets[id] = s
	return breakglass.Device{ID: id, Kind: breakglass.RecoveryCodes}
}

// Open gives a device's factor: breakglass.Factors.
func (c *Cast) Open(_ context.Context, device string) (breakglass.Factor, error) {
	c.mutex.Lock()
	c.Opened = append(c.Opened, device)
	c.mutex.Unlock()
	if c.Fail != nil {
		return nil, c.Fail
	}
	if k, there := c.Keys[device]; there {
		return breakglass.OTP{Key: k, Slack: 1}, nil
	}
	if _, there := c.Sheets[device]; there {
		return codes.Factor{Sheet: device, Pepper: c.pepper}, nil
	}
	return nil, fmt.Errorf("device %s is nobody's", device)
}

// Door is a door over a store that has the sheets enrolled, and a row of each device.
func (c *Cast) Door(store breakglass.Store) *breakglass.Door {
	c.t.Helper()
	for _, s := range c.Sheets {
		err := store.Transact(c.t.Context(), func(tx breakglass.Tx) error { return codes.Enrol(tx, c.pepper, s, Start) })
		if err != nil {
			c.t.Fatal(err)
		}
	}
	c.Remember(store)
	return &breakglass.Door{Store: store, Rules: c.Rules, Factors: c, Random: rand.Reader}
}

// Remember begins the ledger's rows of the devices, as their enrolment would.
func (c *Cast) Remember(store breakglass.Store) {
	c.t.Helper()
	err := store.Transact(c.t.Context(), func(tx breakglass.Tx) (err error) {
		for id := range c.Keys {
			err = errors.Join(err, breakglass.Remember(c.t.Context(), tx, id))
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// Proof is a code of a device: of a time, a counter, or a number on a sheet.
func (c *Cast) Proof(device string, n int64) breakglass.Proof {
	c.t.Helper()
	if s, there := c.Sheets[device]; there {
		return breakglass.Proof{Device: device, Code: s.Codes[n]}
	}
	code, err := c.Keys[device].At(n)
	if err != nil {
		c.t.Fatal(err)
	}
	return breakglass.Proof{Device: device, Code: breakglass.Typed(code)}
}

// Now is a code of a TOTP device at a time.
func (c *Cast) Now(device string, now time.Time) breakglass.Proof {
	return c.Proof(device, now.Unix()/30)
}

// Pair is two codes of a TOTP device that follow each other, the second of a time.
func (c *Cast) Pair(device string, now time.Time) breakglass.Proof {
	step := now.Unix() / 30
	return breakglass.Proof{Device: device, Code: breakglass.Typed(c.Proof(device, step-1).Code.Reveal() + " " + c.Proof(device, step).Code.Reveal())}
}

// Wrong is a code of a device that is of another time.
func (c *Cast) Wrong(device string, now time.Time) breakglass.Proof {
	return c.Proof(device, now.Unix()/30+100_000)
}

// Ask is a request that the rules allow.
func Ask(role string, n int) breakglass.Ask {
	letters := "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	b := []byte(strings.Repeat("q", 58))
	for i := 57; n > 0; i, n = i-1, n/32 {
		b[i] = letters[n%32]
	}
	return breakglass.Ask{Role: role, Why: "the identity provider is down", Ticket: "INC-7", Duration: 20 * time.Minute, Recipient: "age1" + string(b)}
}

// Short is how rows name a principal.
func Short(principal string) string {
	sum := sha256.Sum256([]byte(principal))
	return hex.EncodeToString(sum[:16])
}
