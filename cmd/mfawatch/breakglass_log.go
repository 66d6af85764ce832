package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
	"mfawatch/totp/breakglass/wire"
)

func newBreakglassLog(t terminal) *cobra.Command {
	var f doorFlags
	var from int64
	c := &cobra.Command{
		Use:   "log",
		Short: "Print the door's record, an entry a line",
		Long: strings.TrimSpace(`
Prints the entries as they are kept, so that what is printed can be kept, hashed and
verified: 'mfawatch breakglass log verify' takes it.`),
		Example: strings.TrimRight(`
  mfawatch breakglass log > record.jsonl
  mfawatch breakglass log --from 120
  mfawatch breakglass log verify record.jsonl`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return doorError(runLog(c.Context(), t, f, from)) },
	}
	f.add(c)
	c.Flags().Int64Var(&from, "from", 1, "the first entry to print")
	c.AddCommand(newBreakglassLogVerify(t))
	return c
}

func runLog(ctx context.Context, t terminal, f doorFlags, from int64) error {
	if from < 1 {
		return usage("--from %d: entries are counted from 1", from)
	}
	c, err := f.caller(ctx, t)
	if err != nil {
		return err
	}
	return c.lines(ctx, from, func(line string) error { return writeText(t, "", line+"\n") })
}

// entriesAtOnce is how many entries the door gives at once.
const entriesAtOnce = 50

// lines fetches entries to the record's end.
func (c *caller) lines(ctx context.Context, from int64, each func(string) error) error {
	for {
		a, err := c.Do(ctx, wire.Command{Command: wire.Log, From: from, Most: entriesAtOnce})
		if err != nil || len(a.Lines) == 0 {
			return err
		}
		for _, line := range a.Lines {
			if _, err := record.Parse([]byte(line)); err != nil {
				return fmt.Errorf("entry %d as the door gives it: %w", from, err)
			}
			if err := each(line); err != nil {
				return err
			}
			from++
		}
	}
}

type logVerifyFlags struct {
	doorFlags
	door, headKey, format string
}

func newBreakglassLogVerify(t terminal) *cobra.Command {
	var f logVerifyFlags
	c := &cobra.Command{
		Use:   "verify [FILE|FOLDER|-]",
		Short: "Recompute the record's chain, and name the first link that is broken",
		Long: strings.TrimSpace(`
Recomputes the hash of every entry of a file, of a folder of the archive, of standard
input, or as the door itself gives it, and names the first entry that was edited,
removed, reordered or put in. Signed heads of a folder or of the door are checked with
the key of --head-key: without it nobody vouches that the end of the record is there, as
the door could tell a key of its own.

Exit codes: 0 it holds together, 3 it does not.`),
		Example: strings.TrimRight(`
  mfawatch breakglass log verify record.jsonl
  mfawatch breakglass log verify archive/ --head-key door.pub
  mfawatch breakglass log verify`, "\n"),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return doorError(runLogVerify(c.Context(), t, f, args)) },
	}
	f.add(c)
	c.Flags().StringVar(&f.door, "door", "", "the door's name (default: the first entry's)")
	formatFlag(c, &f.format, "text", "json")
	c.Flags().StringVar(&f.headKey, "head-key", "", "Ed25519 key that signs heads: base64, or a file of it")
	return c
}

// recordFound is a record as it was found.
type recordFound struct {
	lines [][]byte
	heads []record.Signed
	told  string // the key that the door itself tells
}

func runLogVerify(ctx context.Context, t terminal, f logVerifyFlags, args []string) error {
	k, err := f.read(ctx, t, args)
	if err != nil {
		return err
	}
	keys, err := f.keys()
	if err != nil {
		return err
	}
	if len(keys) == 0 { // heads say nothing then, for or against
		k.heads = nil
	}
	r, err := record.Verify(f.doorOf(k.lines), k.lines, k.heads, keys)
	if broken := (*record.Broken)(nil); errors.As(err, &broken) {
		err = exit{exitFindings, fmt.Errorf("the record is broken: %w", err)}
	}
	if f.format == "json" && (err == nil || errors.As(err, &exit{})) {
		return cmp.Or(printJSON(t, inVerified(r, k, err)), err)
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%d entries hold together. The last is %s.\n", r.Entries, r.Hash)
	switch {
	case len(keys) == 0:
		text += "No signed head was checked (--head-key): entries that were cut off at the end would not show.\n"
		if k.told != "" {
			text += "The door tells the key " + report.Plain(k.told) + ": compare it with the one that was written down at set-up.\n"
		}
	case r.Signed == 0:
		text += "There is no signed head: entries that were cut off at the end would not show.\n"
	default:
		text += fmt.Sprintf("A signed head vouches for the first %d.\n", r.Signed)
	}
	return writeText(t, "", text)
}

// verified is what came of it, as programs read it.
type verified struct {
	Holds   bool   `json:"holds"`
	Entries int64  `json:"entries"`        // that hold together
	Hash    string `json:"hash,omitempty"` // of the last entry
	Signed  int64  `json:"signed"`         // how many entries a signed head vouches for
	ToldKey string `json:"told_key,omitempty"`
	Problem string `json:"problem,omitempty"`
}

func inVerified(r record.Report, k recordFound, broken error) verified {
	if broken != nil {
		return verified{Entries: r.Entries, Problem: broken.Error()}
	}
	return verified{Holds: true, Entries: r.Entries, Hash: r.Hash, Signed: r.Signed, ToldKey: k.told}
}

func (f logVerifyFlags) doorOf(lines [][]byte) string {
	if f.door == "" && len(lines) > 0 {
		if e, err := record.Parse(lines[0]); err == nil {
			return e.Door
		}
	}
	return f.door
}

func (f logVerifyFlags) keys() ([]ed25519.PublicKey, error) {
	if f.headKey == "" {
		return nil, nil
	}
	text := f.headKey
	if file, err := os.ReadFile(f.headKey); err == nil {
		text = string(file)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, usage("--head-key: it is no file that can be read, and no Ed25519 key in base64")
	}
	return []ed25519.PublicKey{key}, nil
}

const mostRecord = 1 << 30

func (f logVerifyFlags) read(ctx context.Context, t terminal, args []string) (recordFound, error) {
	if len(args) == 0 {
		return f.live(ctx, t)
	}
	if args[0] == standardOutput {
		text, err := readAll(t.in, mostRecord)
		return recordFound{lines: linesOf(text)}, err
	}
	info, err := os.Stat(args[0])
	if err != nil {
		return recordFound{}, err
	}
	if info.IsDir() {
		lines, heads, err := folder.Folder{Dir: args[0]}.Read()
		if err == nil && len(lines) == 0 {
			err = fmt.Errorf("%s has no entries-*.jsonl: is it the record's folder?", args[0])
		}
		return recordFound{lines: lines, heads: heads}, err
	}
	text, err := os.ReadFile(args[0])
	return recordFound{lines: linesOf(text)}, err
}

func linesOf(text []byte) [][]byte {
	if len(text) == 0 {
		return nil
	}
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

// live is the record as the door gives it now. The head is fetched first: what it vouches
// for has to be there.
func (f logVerifyFlags) live(ctx context.Context, t terminal) (k recordFound, err error) {
	c, err := f.caller(ctx, t)
	if err != nil {
		return k, err
	}
	a, err := c.Do(ctx, wire.Command{Command: wire.Head})
	if err != nil {
		return k, err
	}
	k.told = a.Key
	if a.Head != "" {
		head, err := record.ParseHead([]byte(a.Head))
		if err != nil {
			return k, fmt.Errorf("the head as the door gives it: %w", err)
		}
		k.heads = append(k.heads, head)
	}
	err = c.lines(ctx, 1, func(line string) error { k.lines = append(k.lines, []byte(line)); return nil })
	return k, err
}
