package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"mfawatch/totp/yubikey/validation"
)

// otpLines writes each answer as a line of JSON that is on the disk when it returns.
// Strangers cost no write each, or whoever reaches the server could keep its disk busy:
// they are counted by what they were told, and written once a second.
type otpLines struct {
	mutex     sync.Mutex
	file      *os.File
	strangers []*otpLine  // not written yet, no two of one status and reason
	later     *time.Timer // writes them
	failed    error       // of the last time
}

// otpLine is an answer, or several to strangers: the last of them, and how many.
type otpLine struct {
	Time     time.Time         `json:"time"`
	From     string            `json:"from"`
	Client   string            `json:"client,omitempty"`
	PublicID string            `json:"public_id,omitempty"`
	Status   validation.Status `json:"status"`
	Reason   string            `json:"reason,omitempty"`
	Accepted bool              `json:"accepted"`
	Step     int64             `json:"step,omitempty"`
	Times    int               `json:"times,omitempty"`
	Since    time.Time         `json:"since,omitzero"`
}

const (
	strangersEvery = time.Second
	strangersKinds = 16 // lines that wait at the most
	otherReasons   = "and other reasons"
)

func (o *otpLines) Verified(_ context.Context, r validation.Record) error {
	line := &otpLine{Time: r.At.UTC(), From: r.From, Client: r.Client, PublicID: r.PublicID, Status: r.Status, Reason: r.Reason, Accepted: r.Accepted, Step: r.Step}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if r.Stranger {
		o.count(line)
		return o.failed
	}
	return o.write(line)
}

// count adds a stranger to those that are written later.
func (o *otpLines) count(line *otpLine) {
	at := slices.IndexFunc(o.strangers, func(l *otpLine) bool { return l.Status == line.Status && l.Reason == line.Reason })
	if at < 0 && len(o.strangers) == strangersKinds {
		at, line.Reason = strangersKinds-1, otherReasons
	}
	line.Times, line.Since = 1, line.Time
	if at < 0 {
		o.strangers = append(o.strangers, line)
	} else {
		line.Times, line.Since = o.strangers[at].Times+1, o.strangers[at].Since
		o.strangers[at] = line
	}
	if o.later == nil {
		o.later = time.AfterFunc(strangersEvery, o.flush)
	}
}

// flush writes what was counted. What could not be written is tried again.
func (o *otpLines) flush() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.later = nil; len(o.strangers) == 0 {
		return
	}
	if o.failed = o.write(o.strangers...); o.failed != nil {
		o.later = time.AfterFunc(strangersEvery, o.flush)
		return
	}
	o.strangers = nil
}

// end writes what waits, before the file is closed.
func (o *otpLines) end() {
	o.flush()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.later != nil {
		o.later.Stop()
	}
}

func (o *otpLines) write(lines ...*otpLine) error {
	var text []byte
	for _, line := range lines {
		one, err := json.Marshal(line)
		if err != nil {
			return err
		}
		text = append(append(text, one...), '\n')
	}
	if _, err := o.file.Write(text); err != nil {
		return err
	}
	if err := o.file.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !isPipe(o.file) {
		return err
	}
	return nil
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && !info.Mode().IsRegular()
}
