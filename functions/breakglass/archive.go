package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"mfawatch/internal/s3"
	"mfawatch/totp/breakglass/record"
)

// Objects are written once. Create gives s3.ErrOther where something else is there.
type Objects interface {
	Create(ctx context.Context, key string, body []byte) error
	Last(ctx context.Context, prefix, after string) (string, error)
	Read(ctx context.Context, key string, most int64) ([]byte, error)
}

// archive keeps the record in a bucket: record.Archive. Its objects are named as the
// files of record/folder, so that a copy of them is such a folder.
type archive struct {
	Objects Objects
	Prefix  string // with a slash at its end

	mutex sync.Mutex
	last  string // the last object of entries that was seen
}

const mostObject = 1 << 20 // 50 entries are less

// Next looks for the last object, after the one that was seen last.
func (a *archive) Next(ctx context.Context) (next int64, after string, err error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	last, err := a.Objects.Last(ctx, a.Prefix+"entries-", a.last)
	if err != nil {
		return 0, "", err
	}
	if last == "" {
		last = a.last
	}
	if last == "" {
		return 1, record.Start, nil
	}
	text, err := a.Objects.Read(ctx, last, mostObject)
	if err != nil {
		return 0, "", err
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	line := lines[len(lines)-1]
	e, err := record.Parse(line)
	if err != nil {
		return 0, "", fmt.Errorf("object %s: %w", last, err)
	}
	a.last = last
	return e.Seq + 1, record.Hash(line), nil
}

// Append writes lines as one object. Where two functions archive at once, one may have
// more of the same lines: then what is there is as good, and Next says how far it goes.
func (a *archive) Append(ctx context.Context, first int64, lines [][]byte) error {
	key := fmt.Sprintf("%sentries-%012d.jsonl", a.Prefix, first)
	body := append(bytes.Join(lines, []byte("\n")), '\n')
	err := a.Objects.Create(ctx, key, body)
	if !errors.Is(err, s3.ErrOther) {
		return err
	}
	there, bad := a.Objects.Read(ctx, key, mostObject)
	if bad != nil {
		return bad
	}
	if bytes.HasSuffix(there, []byte("\n")) && (bytes.HasPrefix(there, body) || bytes.HasPrefix(body, there)) {
		return nil
	}
	return err
}

// AppendHead writes a signed head as one object: where another of the same entry is there,
// under a name that ends with its hash.
func (a *archive) AppendHead(ctx context.Context, s record.Signed) error {
	line, err := s.Line()
	if err != nil {
		return err
	}
	body := append(line, '\n')
	err = a.Objects.Create(ctx, fmt.Sprintf("%shead-%012d-%s.json", a.Prefix, s.Seq, s.Key), body)
	if errors.Is(err, s3.ErrOther) {
		err = a.Objects.Create(ctx, fmt.Sprintf("%shead-%012d-%s-%s.json", a.Prefix, s.Seq, s.Key, record.Hash(line)[:16]), body)
	}
	return err
}
