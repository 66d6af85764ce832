package validation_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/yubikey/otp"
	"mfawatch/totp/yubikey/validation"
)

// printer is an auditor.
type printer struct{}

func (printer) Verified(_ context.Context, r validation.Record) error {
	fmt.Printf("client %s, key %s: %s (%s)\n", r.Client, r.PublicID, r.Status, r.Reason)
	return nil
}

func Example() {
	credential, err := otp.ParseCredential([]byte("yubico-otp/1 ccccccbchvth 8792ebfe26cc ecde18dbe76fbd0c33330f1c354871db"))
	if err != nil {
		panic(err)
	}
	keys, err := validation.NewFixedKeys(credential)
	if err != nil {
		panic(err)
	}
	key, err := validation.NewAPIKey(strings.NewReader("not random: for an example only"))
	if err != nil {
		panic(err)
	}
	server, err := validation.NewServer(validation.Service{
		Callers: validation.FixedCallers{"16": {Key: key}},
		Keys:    keys,
		Ledger:  ledger.Verifier{Store: &ledgertest.Memory{}},
		Auditor: printer{},
	})
	if err != nil {
		panic(err)
	}
	h := httptest.NewServer(server)
	defer h.Close()

	client, err := validation.NewClient(validation.Settings{ID: "16", Key: key, Servers: []string{h.URL}})
	if err != nil {
		panic(err)
	}
	touched, err := credential.Simulate(otp.Token{Session: 7, Use: 3})
	if err != nil {
		panic(err)
	}
	for range 2 {
		answer, err := client.Verify(context.Background(), touched)
		fmt.Println(err == nil, answer.PublicID)
	}
	// Output:
	// client 16, key ccccccbchvth: OK (session 7, use 3)
	// true ccccccbchvth
	// client 16, key ccccccbchvth: REPLAYED_OTP (code for key yubikey ccccccbchvth 0a78f8d6: the code was used, or one after it)
	// false
}
