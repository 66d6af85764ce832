// Command dryrun makes a release of the commit that is checked out, twice, and looks
// at what came out: what a release's workflow would publish lies in dist afterwards.
//
// It promises that nothing is published and nobody is asked, GOPROXY is off; that each
// release is made in a fresh clone, so that what is not committed is not in it; and that
// it fails when the two differ in a byte, when a checksum does not fit, when a file is
// missing or a binary does not tell the commit it was made of.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	goreleaser := flag.String("goreleaser", "goreleaser", "the goreleaser to run")
	to := flag.String("to", "dist", "the folder that the release goes to; what is in it is deleted")
	fresh := flag.Bool("fresh", false, "make the second release with a build cache that is empty")
	flag.Parse()
	r := rehearsal{out: os.Stdout, goreleaser: *goreleaser, to: *to, fresh: *fresh, key: os.Getenv(keyVariable)}
	if err := r.run(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "dryrun:", err)
		os.Exit(1)
	}
}

// keyVariable names the file of the key that releases are signed with.
const keyVariable = "MFAWATCH_SIGNING_KEY"

type rehearsal struct {
	out        io.Writer
	goreleaser string
	to         string
	fresh      bool
	key        string // a file; "": the release is not signed
}

func (r rehearsal) run(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is no flag", args[0])
	}
	c, err := checkedOut()
	if err != nil {
		return err
	}
	if err := r.say(c); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release-dry-run-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	var made []release
	for _, name := range []string{"one", "two"} {
		from := time.Now()
		m, err := r.release(filepath.Join(work, name), c, r.fresh && name == "two")
		if err != nil {
			return fmt.Errorf("release %s: %w", name, err)
		}
		fmt.Fprintf(r.out, "release %s: %d files in %.0f s\n", name, len(m.files), time.Since(from).Seconds())
		made = append(made, m)
	}
	if err := errors.Join(same(made[0], made[1]), r.check(made[0], c)); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "two releases from two clones have the same bytes\n")
	return r.keep(made[0])
}

// say tells in what this release is not the one that would be published.
func (r rehearsal) say(c commit) error {
	if c.loose > 0 {
		fmt.Fprintf(r.out, "%d files are not as they are committed: the release is made of %.12s without them\n", c.loose, c.id)
	}
	if want, err := os.ReadFile(".go-version"); err != nil {
		return err
	} else if v := "go" + strings.TrimSpace(string(want)); v != runtime.Version() {
		fmt.Fprintf(r.out, "made with %s: releases are made with %s (.go-version), and have other bytes\n", runtime.Version(), v)
	}
	if r.key == "" {
		fmt.Fprintf(r.out, "not signed: %s names no key\n", keyVariable)
	}
	return nil
}

// commit is what is checked out.
type commit struct {
	id    string
	at    time.Time
	loose int // files that differ from it
}

func checkedOut() (commit, error) {
	id, err := git("rev-parse", "HEAD")
	if err != nil {
		return commit{}, err
	}
	when, err := git("show", "-s", "--format=%cI", "HEAD")
	if err != nil {
		return commit{}, err
	}
	at, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return commit{}, err
	}
	status, err := git("status", "--porcelain")
	if err != nil {
		return commit{}, err
	}
	return commit{id, at.UTC(), len(strings.FieldsFunc(status, func(c rune) bool { return c == '\n' }))}, nil
}

func git(args ...string) (string, error) {
	out, err := exec.Command("git", args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

// release clones the commit and runs goreleaser there.
func (r rehearsal) release(dir string, c commit, fresh bool) (release, error) {
	if _, err := git("clone", "--quiet", ".", dir); err != nil {
		return release{}, err
	}
	if _, err := git("-C", dir, "checkout", "--quiet", "--detach", c.id); err != nil {
		return release{}, err
	}
	skip := "publish,announce"
	if r.key == "" {
		skip += ",sign"
	}
	cmd := exec.Command(r.goreleaser, "release", "--snapshot", "--clean", "--skip="+skip)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", keyVariable+"="+r.key)
	if fresh {
		cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(dir, ".cache", "go-build"))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return release{}, fmt.Errorf("%s: %w:\n%s", r.goreleaser, err, out)
	}
	return published(dir)
}

// keep puts the files of a release where they were asked for.
func (r rehearsal) keep(m release) error {
	if err := os.RemoveAll(r.to); err != nil {
		return err
	}
	if err := os.MkdirAll(r.to, 0o755); err != nil {
		return err
	}
	for _, name := range m.names() {
		if err := os.WriteFile(filepath.Join(r.to, name), m.files[name], 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "%d files are in %s\n", len(m.files), r.to)
	return nil
}
