package device_test

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/ledger"
	"mfawatch/totp/seal"
)

// A credential_process: a kept session, or one that a leased code gets.
func ExampleCache() {
	process := func(ctx context.Context, w io.Writer, dir string, keys seal.Keys, own *sts.Client, lister *iam.Client, open func(context.Context) (totp.Key, error), prover ledger.Prover, say func(string)) error {
		const serial = "arn:aws:iam::111122223333:mfa/ada"
		cache, err := device.OpenCache(dir, keys)
		if err != nil {
			return err
		}
		cache.Say = say
		codes := device.Sealed{Serial: serial, Open: open, Prover: prover, Patience: 2 * time.Minute, Say: say}
		sessions := device.Sessions{STS: own, IAM: lister, Say: say}
		c, err := cache.Get(ctx, device.Entry{Profile: "work", Serial: serial, Region: "eu-north-1"}, func(ctx context.Context) (device.Credentials, error) {
			return sessions.GetSession(ctx, device.Request{Serial: serial, Codes: codes, Region: "eu-north-1"})
		})
		if err != nil {
			return err
		}
		defer c.Wipe()
		return device.WriteProcess(w, c)
	}
	_ = process
}
