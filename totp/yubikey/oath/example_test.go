package oath_test

import (
	"context"
	"fmt"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/oath"
	"mfawatch/totp/yubikey/yubikeytest"
)

// The seed of an AWS virtual device goes onto a key, and a code comes from it. On a real
// key the card is what card.Use opens.
func Example() {
	ctx, key := context.Background(), &yubikeytest.Card{}
	now := time.Unix(59, 0)
	seed, err := totp.New(totp.Settings{Account: "ada"}, []byte("12345678901234567890"))
	if err != nil {
		panic(err)
	}
	s, err := oath.Select(ctx, key)
	if err != nil {
		panic(err)
	}
	if s.Locked() { // by a password
		access, err := s.Derive(seal.NewSecret([]byte("from a terminal")))
		if err != nil {
			panic(err)
		}
		if err := s.Unlock(ctx, access); err != nil {
			panic(err)
		}
	}
	if _, err := s.Put(ctx, seed, oath.Placement{Name: "arn:aws:iam::111122223333:mfa/ada", Touch: true}); err != nil {
		panic(err)
	}
	all, err := s.List(ctx)
	if err != nil {
		panic(err)
	}
	c, err := oath.Find(all, "arn:aws:iam::111122223333:mfa/ada")
	if err != nil {
		panic(err)
	}
	step, err := c.Step(now) // or a ledger's lease, of c.LeaseKey
	if err != nil {
		panic(err)
	}
	s.Waiting = func(c oath.Credential) { fmt.Println("touch the key") }
	code, err := s.Code(ctx, c, step)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s of step %d; printed as it is: %v\n", code.Text.Reveal(), code.Step, code.Text)
	// Output: 287082 of step 1; printed as it is: [secret]
}
