package breakglass_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
)

var signer = record.Local(ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32))))

// TestNoticesAreNotLost: each entry has one, they come in order, and go when they are
// published, in whatever order.
func TestNoticesAreNotLost(t *testing.T) {
	s := newScene(t)
	s.granted()
	for range 70 {
		_, _ = s.use("bob", "0000000000000000")
	}
	entries := s.entries()
	published := map[string]int{}
	take := func(n int, publish func(i int) bool) int {
		t.Helper()
		all, err := s.Door.Notices(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range all {
			if !publish(i) {
				continue
			}
			published[n.ID]++
			for range 2 { // told twice
				if err := s.Door.Published(t.Context(), n); err != nil {
					t.Fatal(err)
				}
			}
		}
		return len(all)
	}
	if got := take(3, func(i int) bool { return i != 0 }); got != 3 { // the first is not published
		t.Errorf("%d notices, want 3", got)
	}
	if all, _ := s.Door.Notices(t.Context(), 1); len(all) != 1 || all[0].ID != "main-1" || all[0].What != record.Asked {
		t.Errorf("the first is %+v", all)
	}
	for i := 0; take(100, func(int) bool { return true }) > 0; i++ {
		if i > 10 {
			t.Fatal("notices come again and again")
		}
	}
	for i := range entries {
		if published[fmt.Sprint("main-", i+1)] != 1 {
			t.Errorf("the notice of entry %d was published %d times", i+1, published[fmt.Sprint("main-", i+1)])
		}
	}
	for key := range s.memory.Rows {
		if strings.HasPrefix(key, "notice#") {
			t.Errorf("%s is still there", key)
		}
	}
	for _, id := range []string{"", "other-1", "main-x", "main-1 ", "main-01"} {
		if err := s.Door.Published(t.Context(), breakglass.Notice{ID: id}); err == nil {
			t.Errorf("notice %q is published", id)
		}
	}
	s.ask("cyd", "admin")
	if all, err := s.Door.Notices(t.Context(), 10); err != nil || len(all) != 1 || all[0].ID != fmt.Sprint("main-", len(entries)+1) {
		t.Errorf("then %+v, %v", all, err)
	}
}

func TestNoticeLevels(t *testing.T) {
	s := newScene(t)
	r, g := s.granted()
	_, _ = s.Door.Use(t.Context(), as("bob"), r.ID, s.Wrong("bob-totp", s.now), s.now)
	if err := s.Door.NotIssued(t.Context(), g, "AccessDenied", s.now); err != nil {
		t.Fatal(err)
	}
	if err := s.Door.Issued(t.Context(), g, g.Until, s.now); err != nil {
		t.Fatal(err)
	}
	if err := s.Door.End(t.Context(), as("ada"), r.ID, s.now); err != nil {
		t.Fatal(err)
	}
	s.wait(time.Minute)
	other := s.ready()
	if err := s.Door.Revoke(t.Context(), as("dan"), other.ID, s.Cast.Now("dan-totp", s.now), s.now); err != nil {
		t.Fatal(err)
	}
	all, err := s.Door.Notices(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range all {
		got = append(got, fmt.Sprint(n.What, " ", n.Outcome, " ", n.Level))
	}
	if got := strings.Join(got, ", "); got != "asked done high, approved done high, used done critical, used refused high, not-issued failed high, issued done high, ended done info, asked done high, approved done high, revoked done critical" {
		t.Errorf("notices: %s", got)
	}
	if got := all[2].Text; got != "main: ada used role admin, request "+r.ID+": the identity provider is down" {
		t.Errorf("a grant is told as %q", got)
	}
	if got := all[4].Text; got != "main: door not-issued role admin, request "+r.ID+": failed, AccessDenied" {
		t.Errorf("what failed is told as %q", got)
	}
}

func TestLockedIsLoud(t *testing.T) {
	s := newScene(t)
	s.patient()
	r := s.ready()
	s.guess("ada", "ada-totp", r.ID, 37)
	all, err := s.Door.Notices(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	if n := all[len(all)-1]; n.Level != breakglass.Critical || n.Reason != "locked" {
		t.Errorf("a locked device is told as %+v", n)
	}
}

func TestNotIssued(t *testing.T) {
	s := newScene(t)
	r, g := s.granted()
	if err := s.Door.NotIssued(t.Context(), g, "a\nb", s.now); err != nil || s.last().Reason != "AWS gave no credentials" {
		t.Errorf("%v, %+v", err, s.last())
	}
	if again, err := s.use("ada", r.ID); err != nil || again.Again != 1 {
		t.Errorf("within the minute: %+v, %v", again, err)
	}
	s.wait(time.Minute)
	s.wants("after the minute", s.Door.NotIssued(t.Context(), g, "late", s.now), breakglass.Over, "over")
	s.wants("of nothing", s.Door.NotIssued(t.Context(), breakglass.Grant{Request: "x"}, "late", s.now), breakglass.Over, "over")
	s.wants("issued of nothing", s.Door.Issued(t.Context(), breakglass.Grant{}, s.now, s.now), breakglass.Over, "over")
}

func TestHeads(t *testing.T) {
	s := newScene(t)
	if _, signed, err := s.Door.SignHead(t.Context(), signer, true, s.now); signed || err != nil {
		t.Errorf("an empty record is signed: %v", err)
	}
	s.ready() // two entries
	sign := func(wanted bool, want bool) record.Signed {
		t.Helper()
		h, signed, err := s.Door.SignHead(t.Context(), signer, wanted, s.now)
		if err != nil || signed != want {
			t.Errorf("SignHead = %v, %v, want %v", signed, err, want)
		}
		return h
	}
	sign(false, false)
	if _, there, err := s.Door.Head(t.Context()); there || err != nil {
		t.Errorf("a head is there: %v", err)
	}
	if h := sign(true, true); h.Seq != 2 || h.Door != "main" {
		t.Errorf("the head is %+v", h)
	}
	sign(true, false) // that end has one
	if h, there, err := s.Door.Head(t.Context()); !there || err != nil || h.Seq != 2 {
		t.Errorf("the head is %+v, %v", h, err)
	}
	sign(false, false)
	for range 19 {
		_, _ = s.use("ada", "x")
	}
	sign(false, false)
	_, _ = s.use("ada", "x")
	h := sign(false, true)
	_, _ = s.use("ada", "x")
	s.wait(time.Hour - time.Millisecond)
	sign(false, false)
	s.wait(time.Millisecond)
	last := sign(false, true)
	lines, err := s.Door.Lines(t.Context(), 1, 50)
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Verify("main", lines, []record.Signed{h, last}, []ed25519.PublicKey{signer.Key()})
	if err != nil || r.Signed != 23 || r.Entries != 23 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	kept := 0
	for key, row := range s.memory.Rows {
		if strings.HasPrefix(key, "head#") {
			if h, err := record.ParseHead(row); err != nil || key != fmt.Sprintf("head#%012d", h.Seq) {
				t.Errorf("%s is %s, %v", key, row, err)
			}
			kept++
		}
	}
	if kept != 3 {
		t.Errorf("%d heads are kept, want 3", kept)
	}
}

func TestArchive(t *testing.T) {
	s := newScene(t)
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	archive := func() {
		t.Helper()
		if err := s.Door.Archive(t.Context(), f, signer, s.now); err != nil {
			t.Fatal(err)
		}
	}
	archive()
	s.ready()
	archive()
	for range 120 {
		s.wait(2 * time.Second)
		_, _ = s.use("ada", "x")
	}
	archive()
	archive()
	lines, heads, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Verify("main", lines, heads, []ed25519.PublicKey{signer.Key()})
	if err != nil || r.Entries != 122 || r.Signed != 122 || len(heads) != 1 {
		t.Errorf("the archive has %+v and %d heads, %v", r, len(heads), err)
	}
	// An archive that failed to keep the head is given it the next time.
	if err := os.Remove(filepath.Join(f.Dir, fmt.Sprintf("head-%012d-%s.json", 122, record.KeyID(signer.Key())))); err != nil {
		t.Fatal(err)
	}
	archive()
	if _, heads, err = f.Read(); err != nil || len(heads) != 1 {
		t.Errorf("%d heads, %v", len(heads), err)
	}
	s.wait(time.Minute)
	_, _ = s.use("ada", "x")
	// What the store has was changed: the archive does not take it for what follows.
	for row, want := range map[string]string{
		strings.Replace(string(s.memory.Rows["entry#000000000123"]), `"prev":"`, `"prev":"0`, 1): "the table's record: entry 123 does not follow the one before it: the archive is ahead of or differs from the table",
		string(s.memory.Rows["entry#000000000121"]):                                              "the table's record: entry 121 does not follow", "{": "the table's record: the line is no entry",
	} {
		was := string(s.memory.Rows["entry#000000000123"])
		s.damage("entry#000000000123", row)
		if err := s.Door.Archive(t.Context(), f, signer, s.now); !errors.Is(err, breakglass.ErrRestored) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("an entry that is %q: %v, want %s", row, err, want)
		}
		s.damage("entry#000000000123", was)
	}
	if lines, _, err := f.Read(); err != nil || len(lines) != 122 {
		t.Errorf("the archive has %d entries, %v", len(lines), err)
	}
	archive()
	down := errors.New("down")
	s.faulty.Before = func() error { return down }
	if err := s.Door.Archive(t.Context(), f, signer, s.now); !errors.Is(err, down) {
		t.Errorf("a store that is down = %v", err)
	}
}
