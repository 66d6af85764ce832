package enforce

import "strings"

// Context is what AWS knows of a request besides principal, action and resource:
// the values of condition keys (IAM user guide, the request context). Key names
// have no case. The zero value has no keys, and every key is absent from it.
type Context struct {
	values  map[string][]string
	unknown map[string]bool // keys, or with a trailing * all that begin so
	absent  []string        // beginnings of keys of which all that are set are known
	open    bool
}

// NewContext is a context in which keys that are not set are absent.
func NewContext() Context {
	return Context{values: map[string][]string{}, unknown: map[string]bool{}}
}

// OpenContext is a context in which keys that are not set are not known.
func OpenContext() Context {
	c := NewContext()
	c.open = true
	return c
}

// With is the context with a key set. No values is a key that is absent.
func (c Context) With(key string, values ...string) Context {
	next := c.clone()
	next.values[strings.ToLower(key)] = values
	delete(next.unknown, strings.ToLower(key))
	return next
}

// Without is the context with a key that is known to be absent.
func (c Context) Without(key string) Context { return c.With(key) }

// WithUnknown is the context with a key of which nothing is known. A key that
// ends in * stands for all that begin so and are not set.
func (c Context) WithUnknown(key string) Context {
	next := c.clone()
	delete(next.values, strings.ToLower(key))
	next.unknown[strings.ToLower(key)] = true
	return next
}

func (c Context) clone() Context {
	next := Context{values: make(map[string][]string, len(c.values)+1), unknown: make(map[string]bool, len(c.unknown)+1), absent: c.absent, open: c.open}
	for k, v := range c.values {
		next.values[k] = v
	}
	for k := range c.unknown {
		next.unknown[k] = true
	}
	return next
}

// Lookup returns a key's values, and whether it is present: Yes, No, or Maybe
// where nothing is known of it.
func (c Context) Lookup(key string) ([]string, Tri) {
	key = strings.ToLower(key)
	if values, set := c.values[key]; set {
		if len(values) == 0 {
			return nil, No
		}
		return values, Yes
	}
	if c.unknown[key] {
		return nil, Maybe
	}
	for _, stem := range c.absent {
		if strings.HasPrefix(key, stem) {
			return nil, No
		}
	}
	if c.open {
		return nil, Maybe
	}
	for k := range c.unknown {
		if stem, all := strings.CutSuffix(k, "*"); all && strings.HasPrefix(key, stem) {
			return nil, Maybe
		}
	}
	return nil, No
}
