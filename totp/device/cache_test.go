package device_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

// The test binary is its own victim: a process that holds an entry until it is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "hold" {
		os.Exit(victim(os.Args[2]))
	}
	os.Exit(m.Run())
}

func victim(dir string) int {
	c, err := device.OpenCache(dir, seal.Keys{})
	if err == nil {
		_, err = c.Get(context.Background(), entry, func(context.Context) (device.Credentials, error) {
			fmt.Println("held")
			time.Sleep(time.Hour) // not select {}: without cgo the runtime ends a program in which all wait
			return device.Credentials{}, nil
		})
	}
	fmt.Println(err)
	return 1
}

var entry = device.Entry{Profile: "work", AccessKeyID: "AKIAEXAMPLE", Serial: phone, Region: "eu-north-1"}

// keys are those of one person.
func keys(t *testing.T) seal.Keys {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return seal.Keys{Recipients: []age.Recipient{i.Recipient()}, Identities: []age.Identity{i}}
}

func cacheIn(t *testing.T, dir string, k seal.Keys) *device.Cache {
	t.Helper()
	c, err := device.OpenCache(dir, k)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// source counts how often a session was got, and each lasts an hour.
type source struct {
	mu   sync.Mutex
	n    int
	fail error
}

func (s *source) get(context.Context) (device.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return device.Credentials{}, s.fail
	}
	s.n++
	return device.Credentials{AccessKeyID: fmt.Sprint("ASIA", s.n), SecretAccessKey: seal.NewSecret([]byte("SecretOf/x")), SessionToken: seal.NewSecret([]byte("TokenOf/x")), Expires: time.Now().Add(time.Hour)}, nil
}

// got asks a cache and tells which session it gave.
func (s *source) got(t *testing.T, c *device.Cache, e device.Entry) string {
	t.Helper()
	out, err := c.Get(t.Context(), e, s.get)
	if err != nil {
		return err.Error()
	}
	return out.AccessKeyID
}

func TestCache(t *testing.T) {
	dir, k := filepath.Join(t.TempDir(), "sessions"), keys(t)
	synctest.Test(t, func(t *testing.T) {
		c, s := cacheIn(t, dir, k), &source{}
		c.Say = func(text string) { t.Errorf("said %q", text) }
		role := entry
		role.RoleARN = "arn:aws:iam::111122223333:role/ops"
		for _, step := range []struct {
			after time.Duration
			entry device.Entry
			want  string
		}{
			{0, entry, "ASIA1"}, {0, entry, "ASIA1"}, {0, role, "ASIA2"}, {55*time.Minute - time.Second, entry, "ASIA1"}, {time.Second, entry, "ASIA3"}, {0, role, "ASIA4"}, {2 * time.Hour, entry, "ASIA5"},
		} {
			time.Sleep(step.after)
			if got := s.got(t, c, step.entry); got != step.want {
				t.Errorf("%v later: %s, want %s", step.after, got, step.want)
			}
		}
		if err := errors.Join(c.Forget(t.Context(), entry), c.Forget(t.Context(), entry)); err != nil {
			t.Error(err)
		}
		if got := s.got(t, c, entry); got != "ASIA6" {
			t.Errorf("after it was forgotten: %s", got)
		}
		s.fail = errors.New("no network")
		time.Sleep(time.Hour)
		if got := s.got(t, c, entry); got != "no network" {
			t.Errorf("when none is to be had: %s", got)
		}
	})
}

// Nothing in the folder shows a secret, a serial number or who it is for.
func TestCacheOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	c, s := cacheIn(t, dir, keys(t)), &source{}
	s.got(t, c, entry)
	n := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(name)
		for _, text := range []string{"SecretOf", "TokenOf", "work", "AKIA", "phone", "ASIA"} {
			if strings.Contains(name[len(dir):]+string(data), text) {
				t.Errorf("%s shows %s", name, text)
			}
		}
		info, stat := e.Info()
		if stat == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return errors.Join(err, stat)
	})
	if err != nil || n != 2 {
		t.Errorf("%d files, error %v", n, err)
	}
}

// TestOneAsks: 64 at once, through eight caches on one folder, make one call.
func TestOneAsks(t *testing.T) {
	dir, k := filepath.Join(t.TempDir(), "sessions"), keys(t)
	on(t, func(st *stage) {
		serial := st.had("phone")
		c := cacheIn(st.T, dir, k)
		get := func(ctx context.Context) (device.Credentials, error) {
			return st.sessions().GetSession(ctx, st.request(serial))
		}
		for round := 1; round <= 2; round++ {
			var wg sync.WaitGroup
			got := make([]string, 64)
			for i := range got {
				each := c
				if i%8 == 0 {
					each = cacheIn(st.T, dir, k)
				}
				wg.Go(func() {
					out, err := each.Get(st.Context(), entry, get)
					if err != nil {
						st.Error(err)
					}
					got[i] = out.AccessKeyID
				})
			}
			wg.Wait()
			for i, key := range got {
				if key != got[0] || key == "" {
					st.Errorf("round %d: %d has %q, and the first %q", round, i, key, got[0])
				}
			}
			if n := st.srv.Counts()["sts:GetSessionToken"]; n != round {
				st.Errorf("round %d: %d calls", round, n)
			}
			time.Sleep(12 * time.Hour)
		}
	})
}

// Who waits for another gives up with the context.
func TestWaitingForAnother(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	synctest.Test(t, func(t *testing.T) {
		c := cacheIn(t, dir, seal.Keys{})
		told := make(chan string, 1)
		other := cacheIn(t, dir, seal.Keys{})
		other.Say = func(text string) { told <- text }
		free := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = c.Get(t.Context(), entry, func(context.Context) (device.Credentials, error) {
				<-free
				return device.Credentials{}, errors.New("x")
			})
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		before := time.Now()
		_, err := other.Get(ctx, entry, (&source{}).get)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(before) != time.Minute || !strings.Contains(<-told, "another process") {
			t.Errorf("after %v: %v", time.Since(before), err)
		}
		close(free)
		wg.Wait()
	})
}

// A process that is killed while it holds an entry holds nobody up.
func TestKilledHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	cmd := exec.Command(os.Args[0], "hold", dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	c := cacheIn(t, dir, keys(t))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, entry, (&source{}).get); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is held: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := (&source{}).got(t, c, entry); got != "ASIA1" {
		t.Errorf("after it was killed: %s", got)
	}
}

// TestNotTrusted: what is damaged, another's, or kept under a clock that was set back, is
// got anew and takes its place.
func TestNotTrusted(t *testing.T) {
	files := func(dir string) string {
		names, _ := filepath.Glob(filepath.Join(dir, "session-*.sealed"))
		if len(names) != 1 {
			return ""
		}
		return names[0]
	}
	for name, spoil := range map[string]func(t *testing.T, dir string, c *device.Cache){
		"cut short": func(t *testing.T, dir string, _ *device.Cache) { _ = os.Truncate(files(dir), 300) },
		"empty":     func(t *testing.T, dir string, _ *device.Cache) { _ = os.Truncate(files(dir), 0) },
		"of others' keys": func(t *testing.T, dir string, _ *device.Cache) {
			(&source{n: 7}).got(t, cacheIn(t, dir, keys(t)), entry)
		},
		"readable by others": func(t *testing.T, dir string, _ *device.Cache) { _ = os.Chmod(files(dir), 0o644) },
		"the clock, back a day": func(_ *testing.T, _ string, c *device.Cache) {
			c.Now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "sessions")
			c, s := cacheIn(t, dir, keys(t)), &source{}
			s.got(t, c, entry)
			if files(dir) == "" {
				t.Fatal("nothing is kept")
			}
			spoil(t, dir, c)
			said := ""
			c.Say = func(text string) { said += text }
			want := "ASIA2"
			if got := s.got(t, c, entry); got != want {
				t.Errorf("got %s, want a new one", got)
			}
			if said == "" || strings.Contains(said, "SecretOf") {
				t.Errorf("said %q", said)
			}
			if got := s.got(t, c, entry); got != want {
				t.Errorf("again: %s, want %s", got, want)
			}
		})
	}
}

// TestClockSetBack: a session that was seen to be over does not come back when the clock
// is set to a time within its life.
func TestClockSetBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	c, s := cacheIn(t, dir, keys(t)), &source{}
	start, offset := time.Now(), time.Duration(0)
	c.Now = func() time.Time { return start.Add(offset) }
	s.got(t, c, entry)
	offset = 50 * time.Minute
	if got := s.got(t, c, entry); got != "ASIA1" {
		t.Errorf("within its life: %s", got)
	}
	offset = 50*time.Minute - 30*time.Second // a clock that is set by a little, as clocks are
	if got := s.got(t, c, entry); got != "ASIA1" {
		t.Errorf("half a minute back: %s", got)
	}
	offset = 10 * time.Minute
	if got := s.got(t, c, entry); got != "ASIA2" {
		t.Errorf("forty minutes back: %s", got)
	}
	if got := s.got(t, c, entry); got != "ASIA2" {
		t.Errorf("by the clock as it is now: %s", got)
	}
}

// A session that cannot be kept is given all the same, and told.
func TestNotKept(t *testing.T) {
	c, s := cacheIn(t, filepath.Join(t.TempDir(), "sessions"), seal.Keys{}), &source{}
	said := ""
	c.Say = func(text string) { said = text }
	if got := s.got(t, c, entry); got != "ASIA1" || !strings.Contains(said, "not kept") {
		t.Errorf("got %s, said %q", got, said)
	}
	dir := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := device.OpenCache(dir, seal.Keys{}); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("a folder that others read: %v", err)
	}
}
