package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// sweepAfter is after how many builds the cache is swept: some 2 MB each.
const sweepAfter = 200

// cache is the compiler's cache, apart from the user's: what is compiled of a
// mutant is of use to nobody.
type cache struct {
	dir    string
	since  time.Time // what is younger is of mutants; zero: never sweep
	lock   sync.RWMutex
	mutex  sync.Mutex
	builds int
}

// use sweeps when it is time to, and keeps the cache from being swept until
// done is called.
func (c *cache) use() (done func()) {
	if c.due() {
		c.lock.Lock()
		c.sweep()
		c.lock.Unlock()
	}
	c.lock.RLock()
	return c.lock.RUnlock
}

func (c *cache) due() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.builds++
	return !c.since.IsZero() && c.builds%sweepAfter == 0
}

// sweep removes what was compiled of mutants. What cannot be removed stays; it
// is all in a temporary folder.
func (c *cache) sweep() {
	filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil && info.ModTime().After(c.since) {
			os.Remove(path)
		}
		return nil
	})
}
