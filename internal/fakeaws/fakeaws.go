// Package fakeaws is an in-process stand-in for AWS: the wire protocol of IAM
// and STS (query, XML), of Organizations and CloudTrail's event history (JSON 1.1), and
// of S3 that is read, over accounts that a test describes. It is there for what emulators lack: a root row, the kinds of
// MFA devices, organisation features, sessions of AssumeRoot, throttling, short
// pages, reports that are not ready, and one denied action at a time. Only tests,
// internal/bench and internal/faults import it, and functions/alerting/awstest for
// these.
//
//	a := fakeaws.NewAccount("111122223333")
//	a.User("ada").Password = true
//	srv := fakeaws.New(a)
//	cfg.HTTPClient = srv.Client()            // no socket: works inside testing/synctest
//	cfg.Credentials = … a.AccessKey() …      // any secret
//	srv.Fault(fakeaws.Denied("iam:ListMFADevices"))
//	… srv.Counts()["iam:ListMFADevices"] …
//
// Start gives it a socket and returns the URL, for a program that is given
// AWS_ENDPOINT_URL. Which account is asked is told by the access key id of the
// signature: an account's own (AccessKey), or one that AssumeRole or AssumeRoot
// issued. Signatures are not checked, permissions only as faults. A test may
// change an account between calls; while calls run, inside Change.
//
// Codes of MFA devices are checked, as AWS is known to check them: a device has a seed
// that CreateVirtualMFADevice or Seed gave it, STS takes a code once and nine in three
// minutes, and what IAM changes reaches STS late. By whom a call is made is told by the
// key too: a key of a user (User.Keys) is the user's, and Session says of one that was
// issued whether it was with a second factor.
//
// It promises to count every request that arrives, refused ones too, and to
// answer from the state alone: the same state and clock give the same bytes.
package fakeaws

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Server is the stand-in. Its exported fields are set before the first call or
// inside Change.
type Server struct {
	// Now is the server's clock; New sets time.Now.
	Now func() time.Time
	// Before is called before each request is answered, outside of any lock.
	Before func(Call)
	// PageSize is the most a list answers at once; 0 is what the caller asks
	// for. AWS may answer fewer than MaxItems (IAM API reference).
	PageSize int
	// Latency is how long each answer takes.
	Latency time.Duration
	// Propagation is how long STS does not see that a device was enabled or resynced;
	// New sets ten seconds. Eight to fourteen were seen.
	Propagation time.Duration
	// Lingering is how long STS takes a device that was deactivated; New sets two
	// seconds. One to three were seen.
	Lingering time.Duration
	// Organization is nil for accounts in none.
	Organization *Organization
	// Buckets are those of S3, by name.
	Buckets map[string]*Bucket
	// History is CloudTrail's event history.
	History History

	mu       sync.Mutex
	accounts map[string]*Account
	sessions map[string]*session
	faults   []*Fault
	calls    []Call
	counts   map[string]int
	inFlight int
	most     int
	listener net.Listener
	http     *http.Server
}

// Call is one request that arrived.
type Call struct {
	Account string // whose credentials
	Action  string // iam:ListMFADevices
	User    string // the UserName parameter
	Region  string // that the signature names
	Key     string // an object's key, a listing's prefix, the value that events are looked up by
	N       int    // the how manieth of this action, from 1, over all accounts
	Root    bool   // by a session of AssumeRoot
}

// New makes a stand-in that holds these accounts and does not listen.
func New(accounts ...*Account) *Server {
	s := &Server{Now: time.Now, Propagation: 10 * time.Second, Lingering: 2 * time.Second, accounts: map[string]*Account{}, sessions: map[string]*session{}, counts: map[string]int{}}
	for _, a := range accounts {
		s.Add(a)
	}
	return s
}

// Add makes an account known.
func (s *Server) Add(a *Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[a.ID] = a
	s.sessions[a.AccessKey()] = &session{account: a.ID, arn: a.arn("user/auditor"), userID: "AIDAAUDITOR"}
}

// Change runs f while no request is being answered.
func (s *Server) Change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Calls are the requests so far, in the order they arrived.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Counts are the requests so far by action, over all accounts.
func (s *Server) Counts() map[string]int { return s.CountsOf("") }

// CountsOf are the requests so far by action that one account's credentials
// made.
func (s *Server) CountsOf(account string) map[string]int {
	counts := map[string]int{}
	for _, c := range s.Calls() {
		if account == "" || c.Account == account {
			counts[c.Action]++
		}
	}
	return counts
}

// Reset forgets the requests so far.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.counts, s.most = nil, map[string]int{}, 0
}

// MostInFlight is the most requests that were being answered at once.
func (s *Server) MostInFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// Session is what is known of an access key id that was issued.
type Session struct {
	ARN     string
	MFA     bool // with a second factor
	Expires time.Time
}

// Session tells of an access key id that GetSessionToken, AssumeRole or AssumeRoot
// issued.
func (s *Server) Session(key string) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := s.sessions[key]
	if by == nil || by.expires.IsZero() {
		return Session{}, false
	}
	return Session{by.arn, by.mfa, by.expires}, true
}

// Sessions are the access key ids that GetSessionToken, AssumeRole and AssumeRoot issued.
func (s *Server) Sessions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var issued []string
	for _, key := range slices.Sorted(maps.Keys(s.sessions)) {
		if !s.sessions[key].expires.IsZero() {
			issued = append(issued, key)
		}
	}
	return issued
}

// Expire ends every session of an account, its own credentials too, as when a
// sign-in has run out.
func (s *Server) Expire(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		if session.account == account {
			session.expired = true
		}
	}
}

// Renew undoes Expire.
func (s *Server) Renew(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		if session.account == account {
			session.expired = false
		}
	}
}
