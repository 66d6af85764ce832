package breakglass

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"

	"mfawatch/totp/breakglass/record"
)

// The door's rows: one desk, through which every transaction goes; one for each
// request, entry, notice and signed head; a guard and a pace for each principal; who
// began to unlock a device. The ledger's rows are beside them.
const deskKey = "desk#door"

func requestKey(id string) string      { return "request#" + id }
func entryKey(seq int64) string        { return fmt.Sprintf("entry#%012d", seq) }
func noticeKey(seq int64) string       { return fmt.Sprintf("notice#%012d", seq) }
func headKey(seq int64) string         { return fmt.Sprintf("head#%012d", seq) }
func guardKey(principal string) string { return "guard#" + short(principal) }
func unlockKey(device string) string   { return "unlock#" + device }

// nobody is the ledger's id for attempts of a principal at what is not theirs.
func nobody(principal string) string { return nobodys + short(principal) }

const nobodys = "nobody-"

func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// desk is what every transaction reads and writes, so that they come one after the
// other.
type desk struct {
	Door      string
	Seq       int64  // of the record's last entry
	Hash      string // of it
	Signed    int64  // the last entry that a head vouches for
	SignedAt  time.Time
	First     int64 // the first entry whose notice may not be published
	Open      []open
	Pending   []pending
	Owed      []owed // grants whose tokens AWS has still to refuse
	Held      []held
	Outsiders outsiders
	Strain    strain
	Drills    map[string]DrillDone `json:",omitempty"`
	Restored  restored
}

// open is a request that is not over, as far as is wanted to find it when its time is,
// and to do without its row.
type open struct {
	ID, Person, Token string
	Ends              time.Time
	Role              string
	State             State
}

// owed is a grant whose tokens AWS has still to refuse: it does not need its row.
type owed struct{ Request, Role, Person string }

// pending is an attempt that was counted and not answered yet.
type pending struct {
	ID                         string
	Principal, Person, Request string
	Device                     string
	What                       record.What
	At                         time.Time
}

// outsiders counts attempts of principals whom the rules do not know.
type outsiders struct {
	Since  time.Time
	Count  int
	Untold int // of them, those that are in no entry yet
}

// strain counts wrong codes of all people in an hour.
type strain struct {
	Since time.Time
	Count int
	Last  time.Time
}

// guard counts a principal's attempts since the last that was right.
type guard struct{ Attempts, Cleared int64 }

// unlocking is the first of two who unlock a device.
type unlocking struct {
	Person string
	At     time.Time
}

// DrillDone is the last drill of a role that came to its end.
type DrillDone struct {
	Role, Request, Person string
	At                    time.Time
	Took                  time.Duration // from request to grant
}

// State is how far a request is.
type State string

// The states of requests. From lapsed on they are over.
const (
	Waiting  State = "waiting"  // for approvals
	Ready    State = "ready"    // to be used, after cooling off
	Granted  State = "granted"  // a code opened the door
	Active   State = "active"   // AWS gave credentials
	Lapsed   State = "lapsed"   // granted, and nobody says that credentials were given
	Finished State = "finished" // credentials or drill came to their end
	Closed   State = "closed"   // its requester ended it
	Taken    State = "taken"    // revoked
	Late     State = "late"     // not approved or not used in time

	// What Open says of a request whose row cannot be read. No request is kept so.
	Lost State = "unreadable"
)

var states = []State{Waiting, Ready, Granted, Active, Lapsed, Finished, Closed, Taken, Late}

// IsOver tells that nothing more comes of the request.
func (s State) IsOver() bool {
	return slices.Contains([]State{Lapsed, Finished, Closed, Taken, Late}, s)
}

func (s State) isGranted() bool { return s == Granted || s == Active }

// Approval is one person's yes.
type Approval struct {
	Person, Principal, Device string
	At                        time.Time
}

// Request is one request, as it is kept.
type Request struct {
	ID                string
	Person, Principal string
	Role              string
	Why, Ticket       string
	Duration          time.Duration
	Drill, Alone      bool
	Recipient         string
	Asked             time.Time
	State             State
	Approvals         []Approval
	From              time.Time // when it can be used, if it has to cool off
	Ends              time.Time // when its stage, or its credentials, end
	GrantedAt         time.Time
	Device            string    // whose code opened the door
	Again             int       // how often the grant was handed out once more
	Handed            time.Time // when it was last; zero where AWS gave nothing for it
	Seen              time.Time // the latest time that it was changed at
}

// The bounds of requests.
const (
	mostOpen      = 3 // of one person
	mostWhy       = 500
	mostRecipient = 4096
	mostAgain     = 3
)

var (
	idForm        = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{16}$`)
	ticketForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/=+@-]{0,63}$`)
	recipientForm = regexp.MustCompile(`^age1(pq1)?[02-9ac-hj-np-z]{58,}$`)
)

// Times of the door that are not the rules' to choose.
const (
	RetryFor      = time.Minute      // for so long the same grant is handed out again
	RetryAfter    = 5 * time.Second  // and not before: who asks at the same time has not lost an answer
	answerWithin  = time.Minute      // an attempt that takes longer is closed
	unlockWithin  = 15 * time.Minute // between the two who unlock
	clockSlack    = 2 * time.Minute  // between the clocks of two who change a request
	window        = time.Hour        // of outsiders and strain
	freeOutsiders = 20               // entries in a window; more are counted
	freeStrain    = 30               // wrong codes of all in a window, before
	strainWait    = 30 * time.Second // who has failed waits so long after anybody's
)

// Grant is what the edge has to do with an open door: assume the role with just these
// names, for the duration, and hand the credentials out encrypted to the recipient.
// Of a drill it has no role: there is nothing to assume.
type Grant struct {
	Request        string
	Role           string // its ARN
	Session        string
	SourceIdentity string
	Tags           map[string]string
	Policies       []string // ARNs, of the session
	Duration       time.Duration
	Until          time.Time
	Recipient      string
	Drill          bool
	Again          int // how often it was handed out before
}

// Closing is what the edge has to do with a grant that was taken back: let AWS refuse
// the role's tokens that were issued before a time under this source identity and tag.
type Closing struct {
	Request, Role, Session, SourceIdentity string
	Before                                 time.Time
}

func (r Request) session() string { return "mfawatch-" + r.ID }

func (r Request) grant(role Role, now time.Time) Grant {
	g := Grant{
		Request: r.ID, Session: r.session(), SourceIdentity: r.Person, Duration: r.Duration, Until: r.Ends,
		Recipient: r.Recipient, Drill: r.Drill, Again: r.Again,
		Tags: map[string]string{"mfawatch:request": r.ID},
	}
	if r.Ticket != "" {
		g.Tags["mfawatch:ticket"] = r.Ticket
	}
	// STS gives no less than a quarter of an hour; what was handed out again ends
	// with the first where that leaves more.
	g.Until = r.GrantedAt.Add(r.Duration)
	g.Duration = max(min(r.Duration, g.Until.Sub(now).Truncate(time.Second)), ShortestSession)
	if !r.Drill {
		g.Role, g.Policies = role.ARN, role.Policies
	}
	return g
}
