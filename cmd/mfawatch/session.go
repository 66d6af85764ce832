package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"mfawatch/totp/device"
	"mfawatch/totp/keyring"
	"mfawatch/totp/seal"
)

type sessionFlags struct {
	deviceFlags
	key, role, name, externalID string
	duration                    time.Duration
	format                      string
	anew, typed, show           bool
}

// processFormat is what the AWS CLI and SDKs take from a credential_process.
const processFormat = "credential-process"

func sessionFormats() []string {
	return []string{string(device.Sh), string(device.Fish), string(device.PowerShell), processFormat, "json"}
}

func newSession(t terminal) *cobra.Command {
	var f sessionFlags
	c := &cobra.Command{
		Use:   "session --key KEY [-- COMMAND…]",
		Short: "Get an AWS session with MFA, for a shell, a profile or a command",
		Long: strings.TrimSpace(`
Gets a session with MFA from STS: of the user (GetSessionToken), or of a role
(AssumeRole) with --role. The code comes from the key that is sealed here, or is
typed. Sessions are kept, sealed, until five minutes before their end, and of many
that want the same one process asks AWS.

In ~/.aws/config, where the source profile has the user's access key:

  [profile ada-mfa]
  credential_process = mfawatch session --profile ada --key ada-laptop --format credential-process

Exit codes: 0 done, or those of COMMAND; 3 AWS refused the code, 5 no such key or
device, 7 AWS checks no code now: later, 8 no such YubiKey, or it was not touched in
time.`),
		Example: strings.TrimRight(`
  eval "$(mfawatch session --key ada-laptop)"
  mfawatch session --key ada-laptop --role arn:aws:iam::444455556666:role/ops -- aws s3 ls
  mfawatch session --key ada-laptop --format credential-process
  mfawatch session --key arn:aws:iam::111122223333:mfa/ada --yubikey -- aws s3 ls
  mfawatch session forget`, "\n"),
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return usage("%q is no subcommand: a command to run comes after --", args[0])
			}
			return ringError(runSession(c.Context(), t, f, args))
		},
	}
	f.unlocking.add(c)
	c.Flags().StringVar(&f.profile, "profile", "", "AWS profile, with the user's own access key")
	c.Flags().StringVar(&f.region, "region", "", "AWS Region, of STS (default: the profile's, else us-east-1)")
	f.addYubikey(c, "take the code of a YubiKey that has the device's seed under its ARN")
	c.Flags().StringVar(&f.key, "key", "", "name of the key, or serial number or ARN of the device")
	c.Flags().StringVar(&f.role, "role", "", "ARN of a role to assume with MFA")
	c.Flags().StringVar(&f.name, "session-name", "", "name of the role's session (default: mfawatch)")
	c.Flags().StringVar(&f.externalID, "external-id", "", "external id that the role's trust policy asks for")
	c.Flags().DurationVar(&f.duration, "duration", 0, "how long it lasts, from 15m (default: as AWS gives: 12h, and 1h for a role)")
	formatFlag(c, &f.format, sessionFormats()...)
	c.Flags().BoolVar(&f.anew, "anew", false, "get a new session, whatever is kept")
	c.Flags().BoolVar(&f.typed, "typed", false, "ask for the code, also where the key is sealed here")
	c.Flags().BoolVar(&f.show, "show", false, "show the session's secrets on a terminal")
	c.AddCommand(newSessionForget(t))
	return c
}

func (f *sessionFlags) valid(t terminal, command []string) error {
	switch {
	case f.key == "":
		return usage("--key: name the key, or the device by its serial number or ARN")
	case f.role == "" && (f.name != "" || f.externalID != ""):
		return usage("--session-name and --external-id go with --role")
	}
	if f.role != "" && f.name == "" {
		f.name = "mfawatch"
	}
	if len(command) == 0 && width(t.out) > 0 && !f.show {
		return usage("this would show the session's secrets on the terminal: use eval \"$(mfawatch session …)\", or -- COMMAND; --show shows them")
	}
	return nil
}

func runSession(ctx context.Context, t terminal, f sessionFlags, command []string) error {
	if err := f.valid(t, command); err != nil {
		return err
	}
	b, err := f.bench(ctx, t)
	if err != nil {
		return err
	}
	c, err := f.session(ctx, b)
	if err != nil {
		return err
	}
	defer c.Wipe()
	if len(command) > 0 {
		return runWith(ctx, t, c, b.cfg.Region, command)
	}
	return printSession(t, c, f.format, f.region)
}

// printSession writes what a shell or a profile takes.
func printSession(t terminal, c device.Credentials, format, region string) error {
	if format == processFormat || format == "json" { // the same in another word
		return device.WriteProcess(t.out, c)
	}
	return device.WriteExports(t.out, c, device.Shell(format), region)
}

// session is a kept one, or a new one.
func (f sessionFlags) session(ctx context.Context, b *bench) (device.Credentials, error) {
	serial, err := b.serial(f.key)
	if err != nil {
		return device.Credentials{}, err
	}
	if serial == f.key && device.KindOf(serial) == device.Unknown {
		return device.Credentials{}, fmt.Errorf("--key %q: %w, and it is no serial number of a device", f.key, keyring.ErrNotFound)
	}
	own, err := b.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return device.Credentials{}, cannotRun(fmt.Errorf("find the user's access key: %w", err))
	}
	keys, err := b.both(ctx)
	if err != nil {
		return device.Credentials{}, err
	}
	cache, err := device.OpenCache(b.home.path("sessions"), keys)
	if err != nil {
		return device.Credentials{}, err
	}
	cache.Say = b.t.say
	e := device.Entry{Profile: f.profile, AccessKeyID: own.AccessKeyID, Serial: serial, Region: b.cfg.Region, RoleARN: f.role, SessionName: f.name, ExternalID: f.externalID, Duration: f.duration}
	if f.anew {
		if err := cache.Forget(ctx, e); err != nil {
			return device.Credentials{}, err
		}
	}
	return cache.Get(ctx, e, func(ctx context.Context) (device.Credentials, error) { return f.ask(ctx, b, serial) })
}

func (f sessionFlags) ask(ctx context.Context, b *bench, serial string) (device.Credentials, error) {
	codes, err := b.codes(ctx, serial, f.typed)
	if err != nil {
		return device.Credentials{}, err
	}
	s := device.Sessions{STS: sts.NewFromConfig(b.cfg), IAM: iam.NewFromConfig(b.cfg), Say: b.t.say}
	r := device.Request{Serial: serial, Codes: codes, Duration: f.duration, Region: b.cfg.Region}
	if f.role == "" {
		return s.GetSession(ctx, r)
	}
	return s.AssumeRole(ctx, device.Role{ARN: f.role, Session: f.name, ExternalID: f.externalID}, r)
}

// runWith runs a command with the session in its environment and nothing else of AWS's
// credentials. Its exit code is ours.
func runWith(ctx context.Context, t terminal, c device.Credentials, region string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.in, t.out, t.err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(slices.DeleteFunc(os.Environ(), ofCredentials),
		"AWS_ACCESS_KEY_ID="+c.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+string(c.SecretAccessKey.Reveal()), "AWS_SESSION_TOKEN="+string(c.SessionToken.Reveal()),
		"AWS_CREDENTIAL_EXPIRATION="+c.Expires.UTC().Format(time.RFC3339), "AWS_REGION="+region)
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) && failed.ExitCode() > 0 {
		return exit{code: failed.ExitCode()}
	}
	if err != nil {
		return cannotRun(fmt.Errorf("run %s: %w", command[0], err))
	}
	return nil
}

// ofCredentials tells the variables that would lead the command to other credentials.
func ofCredentials(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION",
		"MFAWATCH_PASSPHRASE_FILE", "MFAWATCH_IDENTITY_FILE", "MFAWATCH_OATH_PASSWORD_FILE",
	}, name)
}

func staticCredentials(c device.Credentials) aws.CredentialsProvider {
	return aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(c.AccessKeyID, string(c.SecretAccessKey.Reveal()), string(c.SessionToken.Reveal())))
}

func newSessionForget(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:     "forget",
		Short:   "Remove all kept sessions from this machine; at AWS they go on until they end",
		Example: "  mfawatch session forget",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			h, err := openHome()
			if err != nil {
				return err
			}
			n, err := forgetSessions(h)
			if err != nil {
				return err
			}
			_, err = io.WriteString(t.out, fmt.Sprintf("Forgot %d sessions.\n", n))
			return err
		},
	}
}

// forgetSessions removes what is sealed. Locks stay: another process may hold one.
func forgetSessions(h home) (int, error) {
	dir := h.path("sessions")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	s, err := seal.OpenStore(dir, seal.Keys{})
	if err != nil {
		return 0, err
	}
	all, err := s.List()
	for i, header := range all {
		if err := s.Delete(header.ID); err != nil {
			return i, fmt.Errorf("%s: %w", filepath.Base(dir), err)
		}
	}
	return len(all), err
}
