package device

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mfawatch/totp/seal"
)

// Entry names a session in a cache. Two that differ in anything are two sessions. Of its
// parts the names of files show nothing: they hold a hash.
type Entry struct {
	Profile, AccessKeyID string // whose long-lived credentials
	Serial, Region       string
	RoleARN              string // empty: GetSession
	SessionName          string
	ExternalID           string
	Duration             time.Duration
	Endpoint             string `json:",omitempty"` // where STS is asked; empty: at AWS
}

// id is a hash of the parts, each with its length before it.
func (e Entry) id() string {
	h := sha256.New()
	parts := []string{e.Profile, e.AccessKeyID, e.Serial, e.Region, e.RoleARN, e.SessionName, e.ExternalID, e.Duration.String()}
	if e.Endpoint != "" { // so that AWS's own keep their names
		parts = append(parts, e.Endpoint)
	}
	for _, part := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
		_, _ = io.WriteString(h, part)
	}
	return "session-" + hex.EncodeToString(h.Sum(nil)[:16])
}

const (
	usualMargin = 5 * time.Minute
	poll        = 50 * time.Millisecond // between two looks whether another process is done
	backwards   = time.Minute           // that a clock may go back without being distrusted
	sessionKind = "aws-session"
)

// Cache keeps sessions in a folder of its own, sealed. Many processes may use one: of
// those that want the same session one asks AWS, and the others wait for it. A process
// that is killed holds nobody up.
//
// A session that does not open, is another's, or ends within the margin, is got anew.
// Time is the machine's clock; where it was set back since a session was last read, the
// session is got anew too, since nobody knows whether it is over.
type Cache struct {
	Margin time.Duration    // of life that a session must have left; 0: five minutes
	Say    func(string)     // nil: nobody is told
	Now    func() time.Time // nil: time.Now
	dir    string
	store  *seal.Store
}

// OpenCache is the cache in a folder, which is made where there is none.
func OpenCache(dir string, keys seal.Keys) (*Cache, error) {
	store, err := seal.OpenStore(dir, keys)
	if err != nil {
		return nil, fmt.Errorf("cache of sessions: %w", err)
	}
	return &Cache{dir: dir, store: store}, nil
}

// cached is what is sealed.
type cached struct {
	Entry           Entry
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Issued, Expires time.Time
}

// Get gives the session of an entry: a kept one, or what refresh gets, which is kept
// then. refresh runs in one process at a time for each entry.
func (c *Cache) Get(ctx context.Context, e Entry, refresh func(context.Context) (Credentials, error)) (Credentials, error) {
	held, err := c.hold(ctx, e)
	if err != nil {
		return Credentials{}, err
	}
	defer held.Close()
	last, now := seen(held), clock(c.Now)
	if now.Before(last.Add(-backwards)) {
		tell(c.Say, "the clock was set back since a session was last read: getting a new one")
	} else if kept, ok := c.read(ctx, e, now); ok {
		see(held, last, now)
		return kept, nil
	}
	fresh, err := refresh(ctx)
	if err != nil {
		return Credentials{}, err
	}
	// The mark is moved back with the clock: what is kept from now on goes by that.
	see(held, time.Time{}, clock(c.Now))
	if err := c.write(ctx, e, fresh); err != nil {
		tell(c.Say, "the session is not kept: %v", err)
	}
	return fresh, nil
}

// Forget removes a session, as when AWS does not take it any more.
func (c *Cache) Forget(ctx context.Context, e Entry) error {
	held, err := c.hold(ctx, e)
	if err != nil {
		return err
	}
	defer held.Close()
	return c.patiently(ctx, func() error {
		if err := c.store.Delete(e.id()); !errors.Is(err, seal.ErrNotFound) {
			return err
		}
		return nil
	})
}

// read gives a session that is good for longer than the margin. Whatever is wrong with
// one makes it none: a new one is got and takes its place.
func (c *Cache) read(ctx context.Context, e Entry, now time.Time) (Credentials, bool) {
	h, secret, err := c.store.Get(ctx, e.id())
	if err != nil {
		if !errors.Is(err, seal.ErrNotFound) {
			tell(c.Say, "the kept session cannot be used, and a new one is got: %v", err)
		}
		return Credentials{}, false
	}
	defer secret.Wipe()
	var kept cached
	if h.Kind != sessionKind || json.Unmarshal(secret.Reveal(), &kept) != nil || kept.Entry != e || !kept.good(now, c.margin()) {
		return Credentials{}, false
	}
	out := Credentials{kept.AccessKeyID, seal.NewSecret([]byte(kept.SecretAccessKey)), seal.NewSecret([]byte(kept.SessionToken)), kept.Expires}
	return out, out.complete() == nil
}

func (c *Cache) margin() time.Duration {
	if c.Margin == 0 {
		return usualMargin
	}
	return c.Margin
}

// good tells whether a session may be used: it was issued before now and lasts longer
// than the margin, which for a short one is a third of its life at most.
func (k cached) good(now time.Time, margin time.Duration) bool {
	margin = min(margin, k.Expires.Sub(k.Issued)/3)
	return !now.Before(k.Issued.Add(-backwards)) && now.Add(margin).Before(k.Expires)
}

func (c *Cache) write(ctx context.Context, e Entry, s Credentials) error {
	text, err := json.Marshal(cached{e, s.AccessKeyID, string(s.SecretAccessKey.Reveal()), string(s.SessionToken.Reveal()), clock(c.Now).UTC(), s.Expires.UTC()})
	if err != nil {
		return err
	}
	secret := seal.NewSecret(text)
	defer secret.Wipe()
	h := seal.Header{ID: e.id(), Kind: sessionKind}
	return c.patiently(ctx, func() error {
		err := c.store.Replace(ctx, h, secret)
		if errors.Is(err, seal.ErrNotFound) {
			return c.store.Put(ctx, h, secret)
		}
		return err
	})
}

// patiently tries again while another entry of the folder is being written.
func (c *Cache) patiently(ctx context.Context, do func() error) error {
	for {
		if err := do(); !errors.Is(err, seal.ErrBusy) {
			return err
		}
		if err := wait(ctx, poll); err != nil {
			return err
		}
	}
}

// hold takes an entry's lock, which ends with the process. seal passes over names with
// a dot.
func (c *Cache) hold(ctx context.Context, e Entry) (*os.File, error) {
	name := filepath.Join(c.dir, "."+e.id()+".lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock a session of the cache: %w", err)
	}
	for told := false; ; {
		free, err := tryLock(f)
		if err == nil && free {
			return f, nil
		}
		if err == nil && !told {
			told = true
			tell(c.Say, "another process is getting the session: waiting for it")
		}
		if err == nil {
			err = wait(ctx, poll)
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock a session of the cache: %w", err)
		}
	}
}

// The lock's file holds when the entry was last used, in seconds: a mark that the clock
// has passed. It is no secret.
func seen(f *os.File) time.Time {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return time.Time{}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

// see moves the mark on. A mark that cannot be written costs nothing but the check.
func see(f *os.File, last, now time.Time) {
	if !now.After(last) {
		return
	}
	_, _ = f.WriteAt(fmt.Appendf(nil, "%-20d\n", now.Unix()), 0)
}
