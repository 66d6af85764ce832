package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/internal/outfile"
	"mfawatch/totp"
	"mfawatch/totp/migration"
	"mfawatch/totp/qr"
	"mfawatch/totp/seal"
)

// exporting is what takes a secret out of its seal: it is confirmed twice.
type exporting struct {
	unlocking
	confirm string // a file of both confirmations
}

func (x *exporting) add(c *cobra.Command) {
	x.unlocking.add(c)
	c.Flags().StringVar(&x.confirm, "confirm", "", "file, or - for standard input, of two lines: the key's name, and the sentence that is asked for (default: both are asked on the terminal)")
}

// reveal is the key's URI, when a person, or who wrote a script, has confirmed it.
func (x exporting) reveal(ctx context.Context, t terminal, ref string) (seal.Secret, error) {
	h, err := openHome()
	if err != nil {
		return seal.Secret{}, err
	}
	closed, err := h.closed()
	if err != nil {
		return seal.Secret{}, err
	}
	e, err := closed.Find(ref)
	if err != nil {
		return seal.Secret{}, err
	}
	first, second, err := x.confirmed(ctx, t, e.Name)
	if err != nil {
		return seal.Secret{}, err
	}
	keys, err := x.opening(ctx, t, h, e.SealedTo)
	if err != nil {
		return seal.Secret{}, err
	}
	ring, err := h.ring(keys)
	if err != nil {
		return seal.Secret{}, err
	}
	var uri bytes.Buffer
	if err := ring.Seals.Export(ctx, e.Name, first, second, &uri); err != nil {
		return seal.Secret{}, err
	}
	return seal.NewSecret(uri.Bytes()), nil
}

// confirmed are the two answers, which the seal compares.
func (x exporting) confirmed(ctx context.Context, t terminal, name string) (seal.RetypedID, seal.ExportSentence, error) {
	if x.confirm != "" {
		return x.confirmedBy(t)
	}
	fmt.Fprintf(t.err, "This takes the secret of %s out of its seal.\n", report.Plain(name))
	first, err := retyped(ctx, t, "Type the key's name")
	if err != nil {
		return "", "", fmt.Errorf("%w: give --confirm with a file of the name and the sentence", err)
	}
	second, err := retyped(ctx, t, fmt.Sprintf("Type %q", string(seal.WantSentence(name))))
	return seal.RetypedID(first), seal.ExportSentence(second), err
}

func (x exporting) confirmedBy(t terminal) (seal.RetypedID, seal.ExportSentence, error) {
	in := t.in
	if x.confirm != standardOutput {
		f, err := os.Open(x.confirm)
		if err != nil {
			return "", "", fmt.Errorf("--confirm: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := readAll(in, maxLine)
	if err != nil {
		return "", "", fmt.Errorf("--confirm %s: %w", x.confirm, err)
	}
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	if len(lines) != 2 {
		return "", "", fmt.Errorf("--confirm %s: it has %d lines: write the key's name, and then the sentence", x.confirm, len(lines))
	}
	return seal.RetypedID(lines[0]), seal.ExportSentence(lines[1]), nil
}

// retyped asks on the terminal, whatever standard input is, and shows what is typed.
func retyped(ctx context.Context, t terminal, question string) (string, error) {
	tty, err := t.controlling()
	if err != nil {
		return "", errors.New("there is no terminal to ask on")
	}
	defer tty.Close()
	fmt.Fprintf(t.err, "%s: ", report.Plain(question))
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReaderSize(tty, maxLine).ReadString('\n')
		answers <- strings.TrimRight(line, "\r\n")
	}()
	select {
	case <-ctx.Done():
		return "", errors.New("interrupted: nothing was done")
	case answer := <-answers:
		return answer, nil
	}
}

type keyExportFlags struct {
	exporting
	format     string
	output     string
	toTerminal bool
}

func newKeyExport(t terminal) *cobra.Command {
	var f keyExportFlags
	c := &cobra.Command{
		Use:   "export NAME",
		Short: "Take a key out of its seal, as a URI",
		Long: strings.TrimSpace(`
Writes the key as an otpauth URI, or in the format of Google Authenticator's transfers.
It is confirmed twice: by the key's name, and by a sentence that says what it means.
What is written is not sealed any more: whoever sees it can make the codes.

Standard output is not written to where it is a terminal, which keeps what it showed,
unless --to-terminal says so.

Exit codes: 0 written, 5 no such key, 6 two keys fit the name.`),
		Example: strings.TrimRight(`
  mfawatch key export ada | pass otp insert -e aws/ada
  mfawatch key export ada -o ada.txt
  mfawatch key export ada --confirm confirmation.txt -o ada.txt`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runKeyExport(c.Context(), t, f, args[0]))
		},
	}
	f.add(c)
	formatFlag(c, &f.format, "otpauth", "migration")
	c.Flags().StringVarP(&f.output, "output", "o", "", "file to write in place of what it held, readable by you only (default: standard output)")
	c.Flags().BoolVar(&f.toTerminal, "to-terminal", false, "show the secret on the terminal")
	return c
}

func runKeyExport(ctx context.Context, t terminal, f keyExportFlags, name string) error {
	if f.output == "" && width(t.out) > 0 && !f.toTerminal {
		return usage("standard output is a terminal, which keeps what it showed: write a file with -o, or say --to-terminal")
	}
	uri, err := f.reveal(ctx, t, name)
	if err != nil {
		return err
	}
	defer uri.Wipe()
	text := string(uri.Reveal())
	if f.format == "migration" {
		if text, err = transferred(text); err != nil {
			return err
		}
	}
	if err := writeText(t, f.output, text+"\n"); err != nil {
		return err
	}
	return tellWritten(t, f.output)
}

func tellWritten(t terminal, file string) error {
	if file == "" {
		return nil
	}
	_, err := fmt.Fprintf(t.err, "Wrote %s, which is not sealed: destroy it when it has been read.\n", report.Plain(file))
	return err
}

// transferred is an export of the one key.
func transferred(uri string) (string, error) {
	k, err := totp.Parse(uri)
	if err != nil {
		return "", err
	}
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", err
	}
	return migration.Split([]totp.Key{k}, int32(binary.BigEndian.Uint32(id[:])))[0].URI()
}

type keyQRFlags struct {
	exporting
	output string
	size   int
}

func newKeyQR(t terminal) *cobra.Command {
	var f keyQRFlags
	c := &cobra.Command{
		Use:   "qr NAME",
		Short: "Draw a key as a QR code, for a telephone to scan",
		Long: strings.TrimSpace(`
Draws the key on the terminal, or into a PNG or SVG file that you only can read. It is
an export, and is confirmed as one: whoever sees the picture can make the codes.`),
		Example: strings.TrimRight(`
  mfawatch key qr ada
  mfawatch key qr ada -o ada.png --size 800
  mfawatch key qr ada -o ada.svg --confirm confirmation.txt`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return ringError(runKeyQR(c.Context(), t, f, args[0])) },
	}
	f.add(c)
	c.Flags().StringVarP(&f.output, "output", "o", "", "file to draw into, its name ending with .png or .svg (default: the terminal)")
	c.Flags().IntVar(&f.size, "size", qr.DefaultSize, "pixels of a side of a PNG")
	return c
}

func runKeyQR(ctx context.Context, t terminal, f keyQRFlags, name string) error {
	ending := strings.ToLower(filepath.Ext(f.output))
	switch {
	case f.output == "" && width(t.out) == 0:
		return usage("standard output is no terminal to draw on: name a file with -o, ending with .png or .svg")
	case f.output != "" && ending != ".png" && ending != ".svg":
		return usage("-o %s: the name says no format; end it with .png or .svg", f.output)
	}
	uri, err := f.reveal(ctx, t, name)
	if err != nil {
		return err
	}
	defer uri.Wipe()
	text := string(uri.Reveal())
	if f.output == "" {
		fmt.Fprintln(t.err, "Clear the screen when it is scanned: whoever sees it can make the codes.")
		return qr.Terminal(t.out, text, width(t.out))
	}
	err = outfile.Write(f.output, func(w io.Writer) error {
		if ending == ".svg" {
			return qr.SVG(w, text)
		}
		return qr.PNG(w, text, f.size)
	})
	if err != nil {
		return err
	}
	return tellWritten(t, f.output)
}
