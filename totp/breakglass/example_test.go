package breakglass_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
)

// keys are devices whose seeds are at hand. An edge opens sealed ones.
type keys map[string]totp.Key

func (k keys) Open(_ context.Context, device string) (breakglass.Factor, error) {
	key, there := k[device]
	if !there {
		return nil, fmt.Errorf("device %s has no key", device)
	}
	return breakglass.OTP{Key: key, Slack: 1}, nil
}

// What an edge does: it knows from AWS who calls, hands commands on, and does what a
// grant says.
func Example() {
	ctx, now := context.Background(), time.Unix(1_800_000_000, 0)
	key, err := totp.New(totp.Settings{Account: "rfc"}, []byte("12345678901234567890"))
	if err != nil {
		panic(err)
	}
	person := func(name string) breakglass.Person {
		return breakglass.Person{
			Name: name, Principals: []string{"arn:aws:iam::111122223333:user/" + name},
			Devices: []breakglass.Device{{ID: name + "-totp", Kind: breakglass.TOTP, Grade: breakglass.Touch}},
		}
	}
	door := &breakglass.Door{
		Store: &storetest.Memory{}, Factors: keys{"ada-totp": key, "bob-totp": key}, Random: rand.Reader,
		Rules: breakglass.Rules{
			Door: "main", Approve: 30 * time.Minute, Use: 15 * time.Minute, People: []breakglass.Person{person("ada"), person("bob")},
			Roles: []breakglass.Role{{
				Name: "admin", ARN: "arn:aws:iam::111122223333:role/break-glass", Requesters: []string{"ada", "bob"}, Approvers: []string{"ada", "bob"}, Approvals: 1,
				Longest: time.Hour, Grade: breakglass.Touch,
			}},
		},
	}
	// Whoever enrols a device begins its row in the ledger (package devices does): the door
	// refuses one without.
	err = door.Store.Transact(ctx, func(tx breakglass.Tx) error {
		return errors.Join(breakglass.Remember(ctx, tx, "ada-totp"), breakglass.Remember(ctx, tx, "bob-totp"))
	})
	if err != nil {
		panic(err)
	}
	ada, bob := breakglass.Caller{Principal: "arn:aws:iam::111122223333:user/ada"}, breakglass.Caller{Principal: "arn:aws:iam::111122223333:user/bob"}
	code, _, err := key.Generate(now)
	if err != nil {
		panic(err)
	}
	proof := func(device string) breakglass.Proof {
		return breakglass.Proof{Device: device, Code: breakglass.Typed(code)}
	}

	r, err := door.Ask(ctx, ada, breakglass.Ask{
		Role: "admin", Why: "the identity provider is down", Duration: 15 * time.Minute,
		Recipient: "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
	}, now)
	fmt.Println(r.State, err)

	_, err = door.Approve(ctx, ada, r.ID, proof("ada-totp"), now)
	var refused *breakglass.Refusal
	fmt.Println(errors.As(err, &refused), refused.Reason)

	r, err = door.Approve(ctx, bob, r.ID, proof("bob-totp"), now)
	fmt.Println(r.State, err)

	g, err := door.Use(ctx, ada, r.ID, proof("ada-totp"), now)
	fmt.Println(g.Role, g.SourceIdentity, g.Duration, err)

	// The edge assumes the role. Before it hands the credentials out, encrypted to
	// g.Recipient, it says that it has them; where that fails it hands out nothing.
	fmt.Println(door.Issued(ctx, g, g.Until, now.Add(time.Second)))

	notices, err := door.Notices(ctx, 10)
	for _, n := range notices {
		fmt.Println(n.Level, n.What, n.Outcome)
		// The edge publishes it, and then:
		if err := door.Published(ctx, n); err != nil {
			panic(err)
		}
	}
	fmt.Println(err)
	// Output:
	// waiting <nil>
	// true own-request
	// ready <nil>
	// arn:aws:iam::111122223333:role/break-glass ada 15m0s <nil>
	// <nil>
	// high asked done
	// high approved refused
	// high approved done
	// critical used done
	// high issued done
	// <nil>
}
