package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"mfawatch/internal/outfile"
	"mfawatch/totp/seal"
)

// The file of recipients says what keys are sealed to, one a line: an age recipient,
// "kms ARN", or "passphrase" alone. None of it is secret.
const recipientsFile = "recipients"

// recipients are the file's lines; none where there is no file.
func (h home) recipients() ([]string, error) {
	data, err := seal.ReadTrusted(h.path(recipientsFile), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what keys are sealed to: %w", err)
	}
	to, err := readRecipients(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.path(recipientsFile), err)
	}
	return to, nil
}

func readRecipients(r io.Reader) ([]string, error) {
	var to []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		to = append(to, line)
	}
	switch {
	case lines.Err() != nil:
		return nil, lines.Err()
	case len(to) == 0:
		return nil, errors.New("there is no recipient in it: 'mfawatch key reseal' writes it")
	}
	return to, together(to)
}

// together refuses a passphrase beside others: age takes none so.
func together(to []string) error {
	if len(to) > 1 && slices.Contains(to, byPassphrase) {
		return errors.New("a passphrase stands alone: leave it or the others out")
	}
	return nil
}

// sealedTo are recipients and KMS keys to seal to.
func sealedTo(ctx context.Context, t terminal, to []string) (seal.Keys, error) {
	var keys seal.Keys
	for _, one := range to {
		if key, ok := strings.CutPrefix(one, "kms "); ok {
			e, err := envelope(ctx, t, strings.TrimSpace(key))
			if err != nil {
				return seal.Keys{}, err
			}
			keys.KMS = append(keys.KMS, e)
			continue
		}
		r, err := seal.ParseRecipient(one, seal.UI(t.err))
		if err != nil {
			return seal.Keys{}, fmt.Errorf("recipient %d: %w", len(keys.Recipients)+len(keys.KMS)+1, err)
		}
		keys.Recipients = append(keys.Recipients, r)
	}
	return keys, nil
}

// writeRecipients says what keys are sealed to from now on.
func (h home) writeRecipients(to []string) error {
	return outfile.Write(h.path(recipientsFile), func(w io.Writer) error {
		_, err := io.WriteString(w, "# What keys are sealed to; 'mfawatch key reseal' changes it.\n"+strings.Join(to, "\n")+"\n")
		return err
	})
}
