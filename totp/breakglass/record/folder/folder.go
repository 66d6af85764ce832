// Package folder keeps a record for evidence in a local folder, and only adds to it.
//
// It promises that each file is there whole or not at all, on the disk before a method
// returns, and readable by its owner only; that no file is ever written over: whoever
// appends what is there already is told that it is the same, or that it is not. A
// folder that others can read or write is refused. It cannot keep its owner from
// deleting files; the signed heads say what was there.
//
// The files: entries-NNNNNNNNNNNN.jsonl, one canonical line each, named after the
// first entry in it, and head-NNNNNNNNNNNN-KEY.json, a signed head and a newline; of a
// second one of the same entry the name ends with its hash. So cat entries-*.jsonl is the
// record.
package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"mfawatch/totp/breakglass/record"
)

// Folder is the folder; it is made with the first file.
type Folder struct {
	Dir string
}

// Next is the number of the first entry that is not there, and what it comes after:
// record.Archive.
func (f Folder) Next(context.Context) (next int64, after string, err error) {
	names, err := f.names("entries-*.jsonl")
	if err != nil || len(names) == 0 {
		return 1, record.Start, err
	}
	lines, err := f.lines(names[len(names)-1])
	if err != nil {
		return 0, "", err
	}
	last := lines[len(lines)-1]
	e, err := record.Parse(last)
	if err != nil {
		return 0, "", fmt.Errorf("record %s: %w", names[len(names)-1], err)
	}
	return e.Seq + 1, record.Hash(last), nil
}

// Append adds a file of entries: record.Archive.
func (f Folder) Append(ctx context.Context, first int64, lines [][]byte) error {
	if err := follow(first, lines); err != nil {
		return fmt.Errorf("append to record %s: %w", f.Dir, err)
	}
	name := fmt.Sprintf("entries-%012d.jsonl", first)
	_, err := os.Lstat(filepath.Join(f.Dir, name))
	next, _, bad := f.Next(ctx)
	if bad != nil {
		return bad
	}
	if errors.Is(err, fs.ErrNotExist) && first != next {
		return fmt.Errorf("append to record %s: entry %d is next and not %d", f.Dir, next, first)
	}
	return f.add(name, append(bytes.Join(lines, []byte("\n")), '\n'))
}

// follow tells whether lines are entries whose numbers follow each other.
func follow(first int64, lines [][]byte) error {
	for i, line := range lines {
		e, err := record.Parse(line)
		if err != nil {
			return err
		}
		if e.Seq != first+int64(i) {
			return fmt.Errorf("entry %d is given in the place of %d", e.Seq, first+int64(i))
		}
	}
	if len(lines) == 0 {
		return errors.New("no entries are given")
	}
	return nil
}

// AppendHead adds a signed head: record.Archive.
func (f Folder) AppendHead(_ context.Context, s record.Signed) error {
	line, err := s.Line()
	if err != nil {
		return fmt.Errorf("append to record %s: %w", f.Dir, err)
	}
	text := append(line, '\n')
	err = f.add(fmt.Sprintf("head-%012d-%s.json", s.Seq, s.Key), text)
	if errors.Is(err, errOther) {
		err = f.add(fmt.Sprintf("head-%012d-%s-%s.json", s.Seq, s.Key, record.Hash(line)[:16]), text)
	}
	return err
}

// Read gives all lines and heads, as they are: Verify judges them.
func (f Folder) Read() (lines [][]byte, heads []record.Signed, err error) {
	names, err := f.names("entries-*.jsonl")
	for _, name := range names {
		more, bad := f.lines(name)
		lines, err = append(lines, more...), errors.Join(err, bad)
	}
	named, bad := f.names("head-*.json")
	err = errors.Join(err, bad)
	for _, name := range named {
		one, bad := f.lines(name)
		if bad == nil && len(one) != 1 {
			bad = fmt.Errorf("record %s: one line is wanted", name)
		}
		if err = errors.Join(err, bad); bad != nil {
			continue
		}
		head, bad := record.ParseHead(one[0])
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("record %s: %w", name, bad))
			continue
		}
		heads = append(heads, head)
	}
	return lines, heads, err
}

func (f Folder) names(pattern string) ([]string, error) {
	if err := f.private(); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(escaped(f.Dir), pattern))
	slices.Sort(names)
	return names, err
}

// escaped is a folder's name as a pattern that matches it alone.
func escaped(dir string) string {
	var b []rune
	for _, r := range dir {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			b = append(b, '\\')
		}
		b = append(b, r)
	}
	return string(b)
}

func (f Folder) lines(name string) ([][]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		return nil, fmt.Errorf("record %s does not end with a newline: its end is missing", name)
	}
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")), nil
}

// private refuses a folder that is not its owner's alone.
func (f Folder) private() error {
	info, err := os.Lstat(f.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("record: %w", err)
	case !info.IsDir():
		return fmt.Errorf("record %s is no folder: move it away", f.Dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("record %s can be read or written by others (%v): chmod 700 it", f.Dir, info.Mode().Perm())
	}
	return nil
}

// add writes a file beside its place, and links it there: a link is made or is not,
// and never takes the place of what is there.
func (f Folder) add(name string, text []byte) error {
	if err := errors.Join(os.MkdirAll(f.Dir, 0o700), f.private()); err != nil {
		return fmt.Errorf("append to record: %w", err)
	}
	temporary, err := os.CreateTemp(f.Dir, ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("append to record: %w", err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return fmt.Errorf("append to record %s: %w", f.Dir, err)
	}
	place := filepath.Join(f.Dir, name)
	err = os.Link(temporary.Name(), place)
	if errors.Is(err, fs.ErrExist) {
		return same(place, text)
	}
	if err != nil {
		return fmt.Errorf("append to record: %w", err)
	}
	return f.sync()
}

var errOther = errors.New("is there and says something else")

// same is no error where a file holds just what was to be written.
func same(place string, text []byte) error {
	there, err := os.ReadFile(place)
	if err != nil {
		return fmt.Errorf("append to record: %w", err)
	}
	if !bytes.Equal(there, text) {
		return fmt.Errorf("append to record: %s %w: nothing was written", place, errOther)
	}
	return nil
}

func (f Folder) sync() error {
	d, err := os.Open(f.Dir)
	if err != nil {
		return fmt.Errorf("append to record: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("append to record %s: %w", f.Dir, err)
	}
	return nil
}
