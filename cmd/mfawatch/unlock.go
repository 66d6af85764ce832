package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"filippo.io/age"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"

	"mfawatch/internal/kms"
	"mfawatch/totp/keyring"
	"mfawatch/totp/seal"
)

// unlocking is what opens sealed keys: names of files, never a secret itself.
type unlocking struct {
	passphrase string // a file of it
	identity   string // an age identity file
}

func (u *unlocking) add(c *cobra.Command) {
	c.Flags().StringVar(&u.passphrase, "passphrase-file", "", "file that holds the passphrase, readable by you only (default: $MFAWATCH_PASSPHRASE_FILE, else it is asked on the terminal)")
	c.Flags().StringVar(&u.identity, "identity", "", "age identity file that opens the keys (default: $MFAWATCH_IDENTITY_FILE, else identity.txt in $MFAWATCH_HOME)")
}

// byPassphrase is how a header says that a passphrase opens it.
const byPassphrase = "passphrase"

// opening are the keys that open what is sealed to these. Nothing is asked for that
// would not help.
func (u unlocking) opening(ctx context.Context, t terminal, h home, sealedTo []string) (seal.Keys, error) {
	if len(sealedTo) == 1 && sealedTo[0] == byPassphrase {
		p, err := u.ask(ctx, t, false)
		if err != nil {
			return seal.Keys{}, err
		}
		defer p.Wipe()
		return seal.Passphrase(p, seal.DefaultWork)
	}
	var keys seal.Keys
	var err error
	for _, to := range sealedTo {
		if key, ok := strings.CutPrefix(to, "kms "); ok {
			e, err := envelope(ctx, t, key)
			if err != nil {
				return seal.Keys{}, err
			}
			keys.KMS = append(keys.KMS, e)
		}
	}
	keys.Identities, err = u.identities(t, h, len(keys.KMS) > 0)
	return keys, err
}

// envelope is a KMS key, asked in its own Region.
func envelope(ctx context.Context, t terminal, key string) (seal.Envelope, error) {
	name, err := arn.Parse(key)
	if err != nil || name.Service != "kms" || name.Region == "" {
		return seal.Envelope{}, fmt.Errorf("%q is not the ARN of a KMS key: write arn:aws:kms:REGION:ACCOUNT:key/ID", key)
	}
	cfg, err := awsConfig(ctx, t, "", name.Region)
	if err != nil {
		return seal.Envelope{}, err
	}
	return seal.Envelope{KMS: kms.New(cfg), Key: key}, nil
}

// identities are those of the identity file. One that is not named may be missing where
// something else opens the key too.
func (u unlocking) identities(t terminal, h home, optional bool) ([]age.Identity, error) {
	name := cmp.Or(u.identity, os.Getenv("MFAWATCH_IDENTITY_FILE"))
	named := name != ""
	if !named {
		name = h.path("identity.txt")
		_, err := os.Lstat(name)
		switch missing := errors.Is(err, fs.ErrNotExist); {
		case missing && optional:
			return nil, nil
		case missing:
			return nil, fmt.Errorf("it is sealed to an age recipient, and there is no %s: name the identity file with --identity or MFAWATCH_IDENTITY_FILE", name)
		}
	}
	return seal.ReadIdentities(name, seal.UI(t.err))
}

func (u unlocking) passphraseFile() string {
	return cmp.Or(u.passphrase, os.Getenv("MFAWATCH_PASSPHRASE_FILE"))
}

// ask is the passphrase of a file, or of who sits at the terminal. Standard input is not
// asked: it may be what the command reads.
func (u unlocking) ask(ctx context.Context, t terminal, anew bool) (seal.Secret, error) {
	if name := u.passphraseFile(); name != "" {
		return seal.PassphraseFile(name)
	}
	tty, err := t.controlling()
	if err != nil {
		return seal.Secret{}, errors.New("there is no terminal to ask the passphrase on: name a file of it with --passphrase-file or MFAWATCH_PASSPHRASE_FILE")
	}
	defer tty.Close()
	if anew {
		fmt.Fprintln(t.err, "A passphrase to seal keys with. Whoever has the files and knows it can make the codes.")
	}
	return seal.AskPassphrase(ctx, tty, t.err, anew)
}

// controlling is the terminal that the program was started from, whatever standard
// input and output are.
func (t terminal) controlling() (*os.File, error) {
	if t.asks != nil {
		return t.asks()
	}
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// sealing are the keys that a new secret is sealed to: what the file of recipients
// says, and a passphrase where there is none. One passphrase opens all.
func (u unlocking) sealing(ctx context.Context, t terminal, h home) (seal.Keys, error) {
	to, err := h.recipients()
	if err != nil {
		return seal.Keys{}, err
	}
	if len(to) > 0 && to[0] != byPassphrase {
		keys, err := sealedTo(ctx, t, to)
		if err != nil {
			err = fmt.Errorf("%s: %w", h.path(recipientsFile), err)
		}
		return keys, err
	}
	closed, err := h.closed()
	if err != nil {
		return seal.Keys{}, err
	}
	one := underPassphrase(closed)
	p, err := u.ask(ctx, t, one == "")
	if err != nil {
		return seal.Keys{}, err
	}
	defer p.Wipe()
	keys, err := seal.Passphrase(p, seal.DefaultWork)
	if err != nil || one == "" {
		return keys, err
	}
	return keys, h.opens(ctx, keys, one)
}

// underPassphrase is a key that a passphrase opens, if there is one.
func underPassphrase(r keyring.Ring) string {
	all, _ := r.List() // what cannot be read is told by who needs it
	for _, e := range all {
		if len(e.SealedTo) == 1 && e.SealedTo[0] == byPassphrase {
			return e.Name
		}
	}
	return ""
}

// opens asserts that a passphrase is the one of the other keys: a person remembers one.
func (h home) opens(ctx context.Context, keys seal.Keys, name string) error {
	ring, err := h.ring(keys)
	if err != nil {
		return err
	}
	_, err = ring.Open(ctx, name)
	if errors.Is(err, seal.ErrNoKey) {
		return fmt.Errorf("the passphrase is not the one that opens key %q: type that one again; 'mfawatch key reseal' changes it for all, and asks for the old one", name)
	}
	return err
}
