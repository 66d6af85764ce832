package file_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/rowfile/rowfiletest"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/file"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
)

// child makes this test binary one of the processes that share a file: it counts up
// two rows in one transaction for ever, and prints each number that was kept.
const child = "MFAWATCH_TEST_DOOR"

func TestMain(m *testing.M) {
	if path := os.Getenv(child); path != "" {
		if err := count(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func count(path string) error {
	for {
		n, err := step(context.Background(), file.Store{Path: path})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// step adds one to both rows, which must be the same.
func step(ctx context.Context, s file.Store) (n int, err error) {
	err = s.Transact(ctx, func(tx breakglass.Tx) error {
		a, err := tx.Get("a")
		b, bad := tx.Get("b")
		if err = errors.Join(err, bad); err != nil {
			return err
		}
		if string(a) != string(b) {
			return fmt.Errorf("half a transaction is there: %s and %s", a, b)
		}
		old, _ := strconv.Atoi(string(a))
		n = old + 1
		row := []byte(strconv.Itoa(n))
		return errors.Join(tx.Put("a", row), tx.Put("b", row))
	})
	return n, err
}

func TestContract(t *testing.T) {
	storetest.TestStore(t, file.Store{Path: filepath.Join(t.TempDir(), "new", "door")})
}

func TestDoor(t *testing.T) {
	storetest.TestDoor(t, func(t *testing.T) breakglass.Store { return file.Store{Path: filepath.Join(t.TempDir(), "door")} }, 1)
}

// TestKilled kills processes at any moment: no number that one of them told is lost or
// told again, and both rows are always the same.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "door")
	seen := map[string]bool{}
	for round := range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), child+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		tell := func() {
			if seen[lines.Text()] {
				t.Errorf("%s was told twice", lines.Text())
			}
			seen[lines.Text()] = true
		}
		for i := 0; i < 2 && lines.Scan(); i++ {
			tell()
		}
		time.Sleep(time.Duration(round) * 300 * time.Microsecond) // another point of a transaction
		_ = cmd.Process.Kill()                                    // SIGKILL
		for lines.Scan() {
			tell()
		}
		_ = cmd.Wait()
		n, err := step(t.Context(), file.Store{Path: path})
		if err != nil || seen[strconv.Itoa(n)] || n <= len(seen) {
			t.Fatalf("after a kill: %d after %d that were told, %v", n, len(seen), err)
		}
		seen[strconv.Itoa(n)] = true
	}
	if len(seen) < 30 {
		t.Errorf("only %d transactions", len(seen))
	}
}

// opener makes a test of this binary one of the processes at a door, from a round on.
const opener = "MFAWATCH_TEST_OPENER"

// TestOpens is no test but a process that TestDoorIsKilled kills: it opens the door
// again and again, and prints each request when it was granted.
func TestOpens(t *testing.T) {
	path, round, found := strings.Cut(os.Getenv(opener), "|")
	if !found {
		t.Skip("TestDoorIsKilled runs it")
	}
	n, err := strconv.Atoi(round)
	if err != nil {
		t.Fatal(err)
	}
	c := storetest.NewCast(t)
	d := &breakglass.Door{Store: file.Store{Path: path}, Rules: c.Rules, Factors: c, Random: rand.Reader}
	c.Remember(d.Store)
	for i := n * 1000; ; i++ {
		now := storetest.Start.Add(time.Duration(i) * time.Minute)
		r, err := d.Ask(t.Context(), storetest.As("ada"), storetest.Ask("admin", i+1), now)
		if err == nil {
			_, err = d.Approve(t.Context(), storetest.As("bob"), r.ID, c.Now("bob-totp", now), now)
		}
		var g breakglass.Grant
		if err == nil {
			g, err = d.Use(t.Context(), storetest.As("ada"), r.ID, c.Now("ada-totp", now), now)
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("granted", g.Request)
		if err := errors.Join(d.Issued(t.Context(), g, g.Until, now), d.End(t.Context(), storetest.As("ada"), r.ID, now)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDoorIsKilled kills a process at any moment of its way through the door: what it
// granted is in the record once, the chain holds, and every attempt that was counted
// is answered.
func TestDoorIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "door")
	granted := map[string]bool{}
	const rounds = 16
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOpens$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d", opener, path, round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, seen := bufio.NewScanner(out), 0
		for lines.Scan() {
			id, found := strings.CutPrefix(lines.Text(), "granted ")
			if !found {
				t.Error(lines.Text())
				continue
			}
			granted[id] = true
			if seen++; seen == 2 {
				time.Sleep(time.Duration(round) * 7 * time.Millisecond) // another point of the way
				_ = cmd.Process.Kill()                                  // SIGKILL
			}
		}
		_ = cmd.Wait()
	}
	store := file.Store{Path: path}
	d := &breakglass.Door{Store: store, Rules: storetest.NewCast(t).Rules}
	for range 20 {
		if err := d.Tend(t.Context(), storetest.Start.AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	used, attempts, unanswered := map[string]int{}, map[string]int{}, 0
	for _, e := range storetest.Entries(t, store) {
		if e.What == record.Used && e.Outcome == record.Done {
			used[e.Request]++
		}
		if e.What == record.Unanswered {
			unanswered++
		}
		if a := e.Facts[record.Attempt]; a != "" {
			attempts[a]++
		}
	}
	for id := range granted {
		if used[id] != 1 {
			t.Errorf("request %s was granted, and the record says so %d times", id, used[id])
		}
	}
	for id, n := range used {
		if n != 1 {
			t.Errorf("request %s was granted %d times", id, n)
		}
	}
	if len(granted) < 2*rounds {
		t.Errorf("only %d grants", len(granted))
	}
	for id, n := range attempts { // approvals and uses, answered or found unanswered
		if n != 1 {
			t.Errorf("attempt %s was answered %d times", id, n)
		}
	}
	t.Logf("%d grants told, %d in the record, %d attempts unanswered", len(granted), len(used), unanswered)
}

func TestFile(t *testing.T) {
	rowfiletest.TestFile(t, func(ctx context.Context, path string) error {
		_, err := step(ctx, file.Store{Path: path})
		return err
	})
}
