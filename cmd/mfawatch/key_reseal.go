package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/seal"
)

type resealFlags struct {
	unlocking
	to   []string
	anew string // a file of the new passphrase
}

func newKeyReseal(t terminal) *cobra.Command {
	var f resealFlags
	c := &cobra.Command{
		Use:   "reseal --to RECIPIENT…",
		Short: "Say what keys are sealed to, and seal those that are there anew",
		Long: strings.TrimSpace(`
Seals every key to the given recipients, and new keys from then on: age recipients
(age1…, plugins such as age1yubikey1… included), KMS keys, or a passphrase, which
stands alone. Any one of several opens a key. All keys are opened before one is
changed, and each new file is tried before its old one goes: the identity file has to
hold an identity of one of the new recipients, and what opens the old files. A run that
is killed is ended by the same command again.

Sessions that are kept are forgotten. The old recipients still open copies of the old
files: where one was lost to somebody, replace the devices too.`),
		Example: strings.TrimRight(`
  mfawatch key reseal --to passphrase                 # a new passphrase
  mfawatch key reseal --to age1… --to age1yubikey1…
  mfawatch key reseal --to kms:arn:aws:kms:eu-north-1:111122223333:key/ID`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return ringError(runKeyReseal(c.Context(), t, f)) },
	}
	f.add(c)
	c.Flags().StringArrayVar(&f.to, "to", nil, "age recipient, kms:ARN, or passphrase; can be given again")
	c.Flags().StringVar(&f.anew, "new-passphrase-file", "", "file of the new passphrase (default: it is asked on the terminal)")
	return c
}

// runKeyReseal writes the recipients only when all keys are sealed to them: a key that
// is added meanwhile is sealed to the old ones, and the same command again mends that.
func runKeyReseal(ctx context.Context, t terminal, f resealFlags) error {
	to, err := f.recipients()
	if err != nil {
		return err
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	anew, err := f.keys(ctx, t, to)
	if err != nil {
		return err
	}
	done, err := f.rotate(ctx, t, h, anew)
	if err != nil {
		return err
	}
	if err := h.writeRecipients(to); err != nil {
		return err
	}
	// Kept sessions are sealed to the old recipients, who may be why this is done.
	if _, err := forgetSessions(h); err != nil {
		return fmt.Errorf("keys are sealed anew, and sessions are still kept for the old recipients: %w; 'mfawatch session forget'", err)
	}
	fmt.Fprintf(t.err, "Keys are sealed to %s: %d sealed anew, %d were so already.\n", strings.Join(to, ", "), len(done.Resealed), len(done.Already))
	return nil
}

func (f resealFlags) recipients() ([]string, error) {
	if len(f.to) == 0 {
		return nil, usage("--to: name what to seal to: an age recipient, kms:ARN, or passphrase")
	}
	var to []string
	for _, one := range f.to {
		if key, ok := strings.CutPrefix(one, "kms:"); ok {
			one = "kms " + key
		}
		if slices.Contains(to, one) {
			return nil, usage("--to %s is given twice", one)
		}
		to = append(to, one)
	}
	if err := together(to); err != nil {
		return nil, usage("--to: %v", err)
	}
	if f.anew != "" && to[0] != byPassphrase {
		return nil, usage("--new-passphrase-file goes with --to passphrase")
	}
	return to, nil
}

// keys are those to seal to.
func (f resealFlags) keys(ctx context.Context, t terminal, to []string) (seal.Keys, error) {
	if to[0] != byPassphrase {
		keys, err := sealedTo(ctx, t, to)
		if err != nil {
			return seal.Keys{}, usage("--to: %v", err)
		}
		return keys, nil
	}
	p, err := f.newPassphrase(ctx, t)
	if err != nil {
		return seal.Keys{}, err
	}
	defer p.Wipe()
	return seal.Passphrase(p, seal.DefaultWork)
}

func (f resealFlags) newPassphrase(ctx context.Context, t terminal) (seal.Secret, error) {
	if f.anew != "" {
		return seal.PassphraseFile(f.anew)
	}
	tty, err := t.controlling()
	if err != nil {
		return seal.Secret{}, errors.New("there is no terminal to ask the new passphrase on: name a file of it with --new-passphrase-file")
	}
	defer tty.Close()
	fmt.Fprintln(t.err, "The new passphrase.")
	return seal.AskPassphrase(ctx, tty, t.err, true)
}

// rotate opens all keys with the old ways and seals them to the new.
func (f resealFlags) rotate(ctx context.Context, t terminal, h home, anew seal.Keys) (seal.Rotated, error) {
	closed, err := h.closed()
	if err != nil {
		return seal.Rotated{}, err
	}
	all, err := closed.List()
	if err != nil {
		return seal.Rotated{}, err
	}
	if len(all) == 0 {
		return seal.Rotated{}, nil
	}
	if len(anew.Identities) == 0 { // recipients alone cannot try the new files
		anew.Identities, err = f.identities(t, h, len(anew.KMS) > 0)
		if err != nil {
			return seal.Rotated{}, fmt.Errorf("each new file is opened before the old one goes: %w", err)
		}
	}
	old, err := f.all(ctx, t, h, anew, all)
	if err != nil {
		return seal.Rotated{}, err
	}
	ring, err := h.ring(old)
	if err != nil {
		return seal.Rotated{}, err
	}
	return ring.Seals.Rotate(ctx, anew)
}

// all are what opens all of these keys together: after a run that was killed some are
// sealed to the new recipients, and their identities are wanted too.
func (f resealFlags) all(ctx context.Context, t terminal, h home, anew seal.Keys, entries []keyring.Entry) (seal.Keys, error) {
	var ways seal.Keys
	asked := map[string]bool{}
	for _, e := range entries {
		if way := strings.Join(e.SealedTo, "\n"); !asked[way] {
			asked[way] = true
			keys, err := f.opening(ctx, t, h, e.SealedTo)
			if err != nil {
				return seal.Keys{}, fmt.Errorf("key %q: %w", e.Name, err)
			}
			ways.Identities = append(ways.Identities, keys.Identities...)
			ways.KMS = append(ways.KMS, keys.KMS...)
		}
	}
	ways.Identities = append(ways.Identities, anew.Identities...)
	return ways, nil
}

func newKeyRestored(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "restored",
		Short: "Say that the ledger of used codes was put back from a backup",
		Long: strings.TrimSpace(`
A ledger that comes from a backup does not know which codes were used since. After
this command no code of before now is given or accepted again. A ledger that is
missing is noticed without it.`),
		Example: "  mfawatch key restored",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := openHome()
			if err != nil {
				return err
			}
			if err := keyring.Restored(c.Context(), file.Store{Path: h.path("ledger.db")}, time.Now()); err != nil {
				return err
			}
			fmt.Fprintln(t.err, "Codes of before now are not given or accepted any more.")
			return nil
		},
	}
}

func newKeyClock(t terminal) *cobra.Command {
	var u unlocking
	c := &cobra.Command{
		Use:   "clock-was-wrong NAME",
		Short: "Forget the codes of times to come that were leased while the clock was ahead",
		Long: strings.TrimSpace(`
While a clock is ahead codes of times to come are leased, and once it is right nobody is
given a code until then. AWS took none of those codes, since its own clock was right.
This forgets them. What was leased up to now stays leased. Set the clock right first.`),
		Example: "  mfawatch key clock-was-wrong ada",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(clockWasWrong(c.Context(), t, u, args[0]))
		},
	}
	u.add(c)
	return c
}

func clockWasWrong(ctx context.Context, t terminal, u unlocking, name string) error {
	o, err := u.open(ctx, t, name)
	if err != nil {
		return err
	}
	if err := keyring.ClockWasWrong(ctx, o.ledger, time.Now()); err != nil {
		return err
	}
	if err := (ledger.Prover{Store: o.ledger}).ClockWasWrong(ctx, o.key, o.Counted(o.key), time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Forgot what was leased of %s for times to come.\n", report.Plain(o.Name))
	return nil
}
