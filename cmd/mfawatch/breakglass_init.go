package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mfawatch/audit/report"
	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/breakglass/client"
	"mfawatch/totp/device"
	"mfawatch/totp/keyring"
	"mfawatch/totp/seal"
)

type glassFlags struct {
	doorFile
	unlocking
	offlineFlags
	contents bundle.Contents
	sealed   bool // --seal
	replace  bool
	slot     int
}

func newBreakglassInit(t terminal) *cobra.Command {
	var f glassFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Remember the door's URL, and seal the bundle of the offline way",
		Long: strings.TrimSpace(`
With --url: remembers the door's URL and your user, MFA device and device at the door,
so that nothing of it has to be typed at night.

With --seal: makes the bundle of the offline way. The access key of its IAM user is asked
for without showing it, or read from standard input: an id and a secret, one a line, or
what 'aws iam create-access-key' prints. It is sealed to every recipient of --to, and
with --yubikey-slot to a YubiKey's slot of HMAC-SHA1 besides: then nobody opens it
without both. The bundle is seen to open before it takes its place.`),
		Example: strings.TrimRight(`
  mfawatch breakglass init --profile door-ada --key ada-door \
    --device ada-yubikey \
    --url https://abc123.lambda-url.eu-north-1.on.aws/

  aws iam create-access-key --user-name bg-ada |
  mfawatch breakglass init --seal --door prod --person ada \
    --user arn:aws:iam::…:user/bg-ada \
    --role arn:aws:iam::…:role/bg \
    --serial arn:aws:iam::…:mfa/bg-ada \
    --regions eu-north-1,us-east-1 \
    --to age1… --yubikey-slot 2`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return doorError(runBreakglassInit(c.Context(), t, f)) },
	}
	c.Flags().StringVar(&f.URL, "url", "", "the door's function URL")
	c.Flags().StringVar(&f.Region, "region", "", "Region of the door (default: the URL's)")
	c.Flags().StringVar(&f.Profile, "profile", "", "AWS profile of your user of the door")
	c.Flags().StringVar(&f.Key, "key", "", "your MFA device at AWS, or the name of its sealed key")
	c.Flags().StringVar(&f.Device, "device", "", "your device at the door, by its id in the rules")
	c.Flags().BoolVar(&f.sealed, "seal", false, "seal the bundle of the offline way")
	f.unlocking.add(c)
	c.Flags().StringVar(&f.bundle, "bundle", "", "the bundle's file (default: breakglass/bundle.age in $MFAWATCH_HOME)")
	c.Flags().StringVar(&f.contents.Door, "door", "", "the door's name, as the rules have it")
	c.Flags().StringVar(&f.contents.Person, "person", "", "whose bundle it is, as the rules name them")
	c.Flags().StringVar(&f.contents.User, "user", "", "ARN of the IAM user that has the key")
	c.Flags().StringVar(&f.contents.Role, "role", "", "ARN of the role that it may assume")
	c.Flags().StringVar(&f.contents.Serial, "serial", "", "ARN or serial number of the user's MFA device")
	c.Flags().StringSliceVar(&f.contents.Regions, "regions", nil, "Regions whose STS is asked, the first that answers")
	c.Flags().StringArrayVar(&f.contents.To, "to", nil, "age recipient that opens it; can be given again")
	c.Flags().IntVar(&f.slot, "yubikey-slot", 0, "slot of a YubiKey, 1 or 2, that is wanted besides (default: none)")
	c.Flags().Uint32Var(&f.offlineFlags.yubikey.serial, "yubikey", 0, "serial number of that YubiKey, where several are plugged in")
	c.Flags().BoolVar(&f.replace, "replace", false, "take the place of a bundle that is there")
	return c
}

func runBreakglassInit(ctx context.Context, t terminal, f glassFlags) error {
	if f.URL == "" && !f.sealed {
		return usage("--url or --seal: say what to set up")
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	if err := h.makeGlass(); err != nil {
		return err
	}
	if f.URL != "" {
		if err := f.remember(t, h); err != nil {
			return err
		}
	}
	if !f.sealed {
		return nil
	}
	return f.seal(ctx, t)
}

func (f glassFlags) remember(t terminal, h home) error {
	if err := client.CheckURL(f.URL); err != nil {
		return usage("--url: %v", err)
	}
	d := f.doorFile
	d.Door = f.contents.Door
	if err := h.checkKey(d.Key); err != nil {
		return err
	}
	if d.Region = cmp.Or(d.Region, client.RegionOf(d.URL)); d.Region == "" {
		return usage("--region: the URL does not say the door's Region: name it")
	}
	if err := writeJSON(h.glass("door.json"), d); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "The door in %s is remembered. Try it: mfawatch breakglass status\n", d.Region)
	return nil
}

// hardwareSerial is how serial numbers of tokens look, GAHT12345678 in the IAM user
// guide. STS takes many more words for one, names of keys among them.
var hardwareSerial = regexp.MustCompile(`^[A-Z0-9-]*[0-9]{6}[A-Z0-9-]*$`)

// checkKey refuses a key that would be missed at night: one by name has to be here, and be
// of a device at AWS.
func (h home) checkKey(ref string) error {
	if ref == "" {
		return nil
	}
	serial := strings.HasPrefix(ref, "arn:") || hardwareSerial.MatchString(ref)
	if serial && device.KindOf(ref).MakesCodes() {
		return nil
	}
	if strings.HasPrefix(ref, "arn:") {
		return usage("--key %q: it is the ARN of no MFA device that makes codes: arn:aws:iam::ACCOUNT:mfa/NAME is one", ref)
	}
	closed, err := h.closed()
	if err != nil {
		return err
	}
	e, err := closed.Find(ref)
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return fmt.Errorf("--key %w; 'mfawatch device create NAME --user USER' makes the MFA device at AWS and seals its key here, and a device of which the key is elsewhere is named by its ARN or serial number", err)
	case err != nil:
		return fmt.Errorf("--key %w", err)
	case e.Device == "":
		return usage("--key %q: that key is of no device at AWS: name one that 'mfawatch device create' made, or the device by its ARN or serial number", ref)
	}
	return nil
}

func (f glassFlags) seal(ctx context.Context, t terminal) error {
	d, err := f.desk(t, f.unlocking)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(d.file); err == nil && !f.replace {
		return fmt.Errorf("there is a bundle %s: --replace takes its place, and 'mfawatch breakglass rotate' changes its key", d.file)
	}
	// What can be wrong is found out before a key is asked for.
	c := f.contents
	c.Key, c.Secret = "AKIAXXXXXXXXXXXXXXXX", seal.NewSecret([]byte("xxxxxxxxxxxxxxxx"))
	if err := c.Check(); err != nil {
		return usage("%v", err)
	}
	if f.slot < 0 || f.slot > 2 {
		return usage("--yubikey-slot %d: a YubiKey has slots 1 and 2", f.slot)
	}
	if d.opens.Identities, err = f.identities(t, d.home, false); err != nil {
		return fmt.Errorf("the bundle has to be seen to open: %w", err)
	}
	if c.Key, c.Secret, err = t.accessKey(ctx); err != nil {
		return err
	}
	defer c.Secret.Wipe()
	d.Slot = f.slot
	defer d.wipe()
	if err := d.keep(ctx, c); err != nil {
		return err
	}
	if len(c.To) == 1 {
		t.say("the bundle is sealed to one recipient: if that identity is lost, so is the bundle; seal to one that is locked away, too")
	}
	return writeText(t, "", fmt.Sprintf("%s is sealed, with key %s. Practise now: mfawatch breakglass drill --offline\n", report.Plain(d.file), report.Plain(c.Key)))
}

const longestKey = 16 << 10

// accessKey asks for one without showing it, or reads one.
func (t terminal) accessKey(ctx context.Context) (id string, secret seal.Secret, err error) {
	if f, ok := t.file(); ok && term.IsTerminal(int(f.Fd())) {
		first, err := seal.Ask(ctx, f, t.err, "access key id")
		if err != nil {
			return "", seal.Secret{}, err
		}
		secret, err := seal.Ask(ctx, f, t.err, "secret access key")
		return strings.TrimSpace(string(first.Reveal())), secret, err
	}
	text, err := readAll(t.in, longestKey)
	if err != nil {
		return "", seal.Secret{}, fmt.Errorf("read the access key from standard input: %w", err)
	}
	defer clear(text)
	return parseAccessKey(text)
}

func parseAccessKey(text []byte) (id string, secret seal.Secret, err error) {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		var made struct {
			AccessKey struct{ AccessKeyId, SecretAccessKey string } // AWS's spelling
		}
		if json.Unmarshal(text, &made) != nil || made.AccessKey.SecretAccessKey == "" {
			return "", seal.Secret{}, errors.New("standard input is not what 'aws iam create-access-key' prints")
		}
		return made.AccessKey.AccessKeyId, seal.NewSecret([]byte(made.AccessKey.SecretAccessKey)), nil
	}
	words := strings.Fields(string(text))
	if len(words) != 2 {
		return "", seal.Secret{}, errors.New("standard input is no access key: write its id and its secret, one a line, or pipe what 'aws iam create-access-key' prints")
	}
	return words[0], seal.NewSecret([]byte(words[1])), nil
}
