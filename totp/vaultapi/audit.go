package vaultapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Outcome is what became of a request.
type Outcome string

// The outcomes.
const (
	Begun    Outcome = "begun"     // a change is about to be made; another entry of the same request tells how it ended
	Done     Outcome = "done"      // answered: for a code, it was shown
	Accepted Outcome = "accepted"  // a code was right, and is spent
	Wrong    Outcome = "wrong"     // a code was not right
	Replayed Outcome = "replayed"  // a code was right, and used before
	Waiting  Outcome = "too-early" // the caller was told to come later
	Locked   Outcome = "locked"    // the key is locked
	Denied   Outcome = "denied"    // no token, or not one for this
	NotFound Outcome = "not-found" // no such key, or none that the token is for
	Refused  Outcome = "refused"   // the request asks for what is not given
	Gone     Outcome = "gone"      // the caller left while it waited: its step is spent
	Failed   Outcome = "failed"    // keys, ledger or tokens did not answer
)

// Entry is one line of the record. It holds no code, no secret and no token.
type Entry struct {
	Time     time.Time `json:"time"`
	Request  string    `json:"request"` // as in the answer
	Client   string    `json:"client"`  // its address
	Token    string    `json:"token"`   // the name it was given by; empty where it is none of ours
	Route    string    `json:"route"`
	Key      string    `json:"key"` // as it was asked for; it need not exist
	Outcome  Outcome   `json:"outcome"`
	Status   int       `json:"status"`             // of the answer; 0 when begun
	Step     int64     `json:"step,omitempty"`     // whose code was shown or accepted
	Exported bool      `json:"exported,omitempty"` // the answer shows a secret
	Reason   string    `json:"reason,omitempty"`   // for the operator, not for the caller
}

// Audit keeps the record. An answer is given when Record returned nil, and not before; a
// change is made when the entry that it is begun is kept. Record is called by many at once.
type Audit interface {
	Record(ctx context.Context, e Entry) error
}

// Lines writes each entry as a line of JSON, and calls Sync where w has it, so that a
// line in a file is on the disk.
type Lines struct {
	W     io.Writer
	mutex sync.Mutex
}

// Record writes a line: Audit.
func (l *Lines) Record(_ context.Context, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, err := l.W.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	if file, ok := l.W.(interface{ Sync() error }); ok {
		if err := file.Sync(); err != nil {
			return fmt.Errorf("write the record: %w", err)
		}
	}
	return nil
}
