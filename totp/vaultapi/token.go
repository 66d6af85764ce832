package vaultapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Right is what a token may do with a key.
type Right string

// The rights. Each lets its holder see that the key exists, and none holds another.
const (
	Read   Right = "read"   // codes: whoever has it has the second factor
	Verify Right = "verify" // whether a code is right, once
	Manage Right = "manage" // write and delete the key
)

// Grant gives rights on one key, by its exact name, or on every key, by a star.
type Grant struct {
	Key    string  `json:"key"`
	Rights []Right `json:"rights"`
}

// Token is what is kept of a token: who it was given to, and its SHA-256. That is enough for
// 256 random bits, which nobody can guess: a slow hash is for what people choose.
type Token struct {
	Name    string    `json:"name"` // as records say it
	SHA256  string    `json:"sha256"`
	Grants  []Grant   `json:"grants"`
	Expires time.Time `json:"expires,omitzero"`
}

// Tokens are those that are good now. They are asked for with each request, so that one
// that was taken away is refused from then on.
type Tokens interface {
	Tokens(ctx context.Context) ([]Token, error)
}

// TokenList are tokens that do not change.
type TokenList []Token

// Tokens is the list itself.
func (l TokenList) Tokens(context.Context) ([]Token, error) { return l, nil }

const (
	tokenBytes  = 32
	tokenPrefix = "mfw." // so that scanners of secrets and people know one
)

// NewToken makes a token from a source, which is crypto/rand's Reader. The text is shown
// once and kept nowhere.
func NewToken(name string, grants []Grant, source io.Reader) (text string, t Token, err error) {
	secret := make([]byte, tokenBytes)
	if _, err := io.ReadFull(source, secret); err != nil {
		return "", Token{}, fmt.Errorf("read random bytes for token %q: %w", name, err)
	}
	text = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret)
	sum := sha256.Sum256([]byte(text))
	t = Token{Name: name, SHA256: hex.EncodeToString(sum[:]), Grants: grants}
	return text, t, t.check()
}

func (t Token) check() error {
	sum, err := hex.DecodeString(t.SHA256)
	switch {
	case !goodName.MatchString(t.Name):
		return fmt.Errorf("token %q: its name is made of letters, digits, dots, dashes and at signs", t.Name)
	case err != nil || len(sum) != sha256.Size:
		return fmt.Errorf("token %s: sha256 is not 64 hexadecimal digits", t.Name)
	case len(t.Grants) == 0:
		return fmt.Errorf("token %s has no grants: name keys and rights", t.Name)
	}
	for _, g := range t.Grants {
		if g.Key != "*" && !goodName.MatchString(g.Key) {
			return fmt.Errorf("token %s: %q is neither the name of a key nor *", t.Name, g.Key)
		}
		if len(g.Rights) == 0 || slices.ContainsFunc(g.Rights, func(r Right) bool { return r != Read && r != Verify && r != Manage }) {
			return fmt.Errorf("token %s: the rights on %s are one or more of %s, %s and %s", t.Name, g.Key, Read, Verify, Manage)
		}
	}
	return nil
}

// ParseTokens reads a file of tokens: a JSON array. What it does not understand is an
// error, since a grant that was passed over would be one that somebody relies on.
func ParseTokens(data []byte) (TokenList, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var l TokenList
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("tokens: something follows the array")
	}
	names, sums := map[string]bool{}, map[string]bool{}
	for _, t := range l {
		if err := t.check(); err != nil {
			return nil, err
		}
		if sum := strings.ToLower(t.SHA256); names[t.Name] || sums[sum] {
			return nil, fmt.Errorf("token %s is there twice, by its name or its sha256: remove one", t.Name)
		} else {
			names[t.Name], sums[sum] = true, true
		}
	}
	return l, nil
}

// may tells whether a token has a right on a key; sees, whether it has any.
func (t Token) may(name string, want Right) bool {
	return t.any(name, func(r Right) bool { return r == want })
}

func (t Token) sees(name string) bool { return t.any(name, func(Right) bool { return true }) }

func (t Token) any(name string, ok func(Right) bool) bool {
	return slices.ContainsFunc(t.Grants, func(g Grant) bool {
		return (g.Key == "*" || g.Key == name) && slices.ContainsFunc(g.Rights, ok)
	})
}

// presented is the token of a request, as Vault's clients send it.
func presented(r *http.Request) string {
	if text := r.Header.Get("X-Vault-Token"); text != "" {
		return text
	}
	kind, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(kind, "Bearer") {
		return strings.TrimSpace(text)
	}
	return ""
}

// holder finds the token that a text is of. It compares with each one, whichever is
// right, and in constant time.
func holder(all []Token, text string, now time.Time) (Token, bool) {
	sum := sha256.Sum256([]byte(text))
	found := -1
	for i, t := range all {
		kept, err := hex.DecodeString(t.SHA256)
		if err == nil && subtle.ConstantTimeCompare(kept, sum[:]) == 1 {
			found = i
		}
	}
	if text == "" || found < 0 || !all[found].Expires.IsZero() && !now.Before(all[found].Expires) {
		return Token{}, false
	}
	return all[found], true
}
