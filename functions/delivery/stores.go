package delivery

import (
	"context"
	"errors"
	"time"
)

// State is how far an alert is. A row that only counts a storm has none.
type State string

// The states of a row. Their texts stand in the table.
const (
	Claimed State = "claimed" // somebody is at it, or died of it
	Sent    State = "sent"    // published, singly or in a digest
	Folded  State = "folded"  // held back; a digest will name it
)

// Row is what is kept of one alert, by its key.
type Row struct {
	Key       string
	State     State
	Owner     string    // whose claim was the last
	Until     time.Time // that claim's end; zero when it was finished
	Rank      int       // of what was sent or held back; 0 when nothing was yet
	Reason    string    // of what was sent or held back
	MessageID string
	Digest    string // the digest it was sent in
	Alert     []byte // of a folded row: the alert's JSON
	Ready     time.Time
	Expires   time.Time
}

// Covers tells whether an alert of this rank has been dealt with.
func (r Row) Covers(rank int) bool { return r.Rank >= rank }

// Lease is a claim on a key: from Now until Until it is Owner's. Now is the
// taker's clock less the skew it allows for, so that a lease that another's
// clock gave is not taken too early.
type Lease struct {
	Key     string
	Owner   string // a nonce, never used twice
	Now     time.Time
	Until   time.Time
	Expires time.Time // when the row may be forgotten
}

// Answer is the answer to a claim.
type Answer struct {
	Took    bool // the lease is the asker's
	Row     Row  // as it was before; its Key is empty when there was none
	Expired bool // an unfinished claim of somebody else had run out
}

// Mark is what a row says when its alert was dealt with.
type Mark struct {
	Rank      int
	Reason    string
	MessageID string
	Digest    string
}

// ErrLost is what a store wraps when a lease is not the asker's any more:
// somebody took it after it ran out.
var ErrLost = errors.New("the claim is not ours any more")

// Claims is the memory of what was alerted. Each method is one atomic step, is
// safe to repeat with the same lease, and after an error may have happened or
// not: the next claim tells.
type Claims interface {
	// Claim takes the lease unless the row covers the rank already or somebody's
	// lease has not run out. A lease that the same owner holds is taken.
	Claim(ctx context.Context, l Lease, rank int) (Answer, error)
	// Admit counts key in slot and tells whether it is one of the first limit
	// ones. A key that was admitted once always is.
	Admit(ctx context.Context, slot, key string, limit int, expires time.Time) (bool, error)
	// Fold makes the row folded: with its alert, ready to be sent from a time on.
	// It ends the lease, and gives ErrLost when that is not the owner's.
	Fold(ctx context.Context, l Lease, m Mark, alert []byte, ready time.Time) error
	// Send makes the row sent, ends the lease and forgets a folded alert; ErrLost
	// as in Fold.
	Send(ctx context.Context, l Lease, m Mark) error
	// Release ends an unfinished lease if it is still the owner's.
	Release(ctx context.Context, l Lease) error
}

// Digests is the part of the memory that Flush reads.
type Digests interface {
	// Pending lists keys of folded rows that are ready at a time, a page from
	// after on; next is empty at the end. It may lag behind: a key may be sent
	// already, and a young one may be missing.
	Pending(ctx context.Context, at time.Time, after string) (keys []string, next string, err error)
	// Take leases a folded row that is ready at l.Now, and tells false when it is
	// none, or somebody's lease has not run out.
	Take(ctx context.Context, l Lease) (Row, bool, error)
}

// States is the part of the memory that a reconciler reads.
type States interface {
	// State gives the rows that exist, by key.
	State(ctx context.Context, keys []string) (map[string]Row, error)
}

// Store is all of the memory.
type Store interface {
	Claims
	Digests
	States
}

// Evidence keeps what an alert stands on. Nothing that was kept is ever changed.
type Evidence interface {
	// Keep stores body under key and gives its address. The same body under the
	// same key again is no error; another body is kept under a key of its own.
	Keep(ctx context.Context, key string, body []byte) (uri string, err error)
}

// Topic tells people and machines.
type Topic interface {
	// Publish sends a message, a JSON object of protocols. After an error it may
	// have been sent or not.
	Publish(ctx context.Context, subject, body string, attributes map[string]string) (id string, err error)
}
