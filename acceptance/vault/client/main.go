// Command client drives a server with HashiCorp's own client library, as the article on
// Vault and AWS does, and prints what came of each step as a line of JSON. Address and
// token are in VAULT_ADDR and VAULT_TOKEN, as for the vault command. It judges nothing:
// the acceptance test does.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/vault/api"
)

// The secret of RFC 4226.
const uri = "otpauth://totp/ada@111122223333?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// line is one step: the data, or the error as the library tells it.
type line struct {
	Step   string         `json:"step"`
	Data   map[string]any `json:"data,omitempty"`
	Warns  int            `json:"warns,omitempty"`
	Status int            `json:"status,omitempty"`
	Errors []string       `json:"errors,omitempty"`
	Other  string         `json:"other,omitempty"` // an error that is no api.ResponseError
}

type client struct{ *api.Client }

func main() {
	c, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
	client{c}.article()
	client{c}.refusals()
	client{c}.around()
}

func (l line) print(err error) {
	var refused *api.ResponseError
	switch {
	case errors.As(err, &refused):
		l.Status, l.Errors = refused.StatusCode, refused.Errors
	case err != nil:
		l.Other = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		os.Exit(1)
	}
}

func (l line) secret(s *api.Secret, err error) *api.Secret {
	if s != nil {
		l.Data, l.Warns = s.Data, len(s.Warnings)
	}
	l.print(err)
	return s
}

func (c client) write(step, path string, data map[string]any) *api.Secret {
	return line{Step: step}.secret(c.Logical().Write(path, data))
}

func (c client) read(step, path string) *api.Secret {
	return line{Step: step}.secret(c.Logical().Read(path))
}

// article is what the article types, in its order, values as texts as the vault command
// sends them.
func (c client) article() {
	line{Step: "enable"}.print(c.Sys().Mount("totp", &api.MountInput{Type: "totp"}))
	c.write("write url", "totp/keys/aws", map[string]any{"url": uri})
	var code any
	if s := c.read("read code", "totp/code/aws"); s != nil {
		code = s.Data["code"]
	}
	c.write("check code", "totp/code/aws", map[string]any{"code": code})
	c.write("check code again", "totp/code/aws", map[string]any{"code": code})
	c.write("check a wrong code", "totp/code/aws", map[string]any{"code": "12345"})
	c.write("generate", "totp/keys/new", map[string]any{"generate": "true", "issuer": "AWS", "account_name": "ada"})
	c.read("read key", "totp/keys/aws")
	line{Step: "list"}.secret(c.Logical().List("totp/keys"))

	// Two readers of one step: the second waits for the next.
	c.write("write a fast key", "totp/keys/fast", map[string]any{"url": uri + "&period=4"})
	first := c.read("read fast", "totp/code/fast")
	second := c.read("read fast again", "totp/code/fast")
	line{Step: "two readers", Data: map[string]any{"differ": first != nil && second != nil && first.Data["code"] != second.Data["code"]}}.print(nil)
}

func (c client) refusals() {
	c.write("write over", "totp/keys/aws", map[string]any{"url": uri})
	c.write("write hotp", "totp/keys/hotp", map[string]any{"url": "otpauth://hotp/ada?counter=0&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
	c.write("write an unknown field", "totp/keys/odd", map[string]any{"url": uri, "colour": "red"})
	c.read("read code of none", "totp/code/none")
	c.read("read none", "totp/keys/none")
	line{Step: "delete"}.secret(c.Logical().Delete("totp/keys/aws"))
	line{Step: "delete again"}.secret(c.Logical().Delete("totp/keys/aws"))
	c.read("read deleted", "totp/keys/aws")
	line{Step: "disable"}.print(c.Sys().Unmount("totp"))

	c.SetMaxRetries(0) // the library comes again by itself after Retry-After
	for range 5 {
		if _, err := c.Logical().Write("totp/code/odd", map[string]any{"code": "000000"}); err != nil {
			line{Step: "guess"}.print(err)
		}
	}
	c.write("guess a sixth time", "totp/code/odd", map[string]any{"code": "000000"})
	c.SetMaxRetries(2)

	clone, err := c.CloneWithHeaders()
	if err != nil {
		line{Step: "clone"}.print(err)
		return
	}
	clone.SetToken("mfw.nobodys")
	client{clone}.read("another token", "totp/code/odd")
	clone.SetToken("")
	client{clone}.read("no token", "totp/code/odd")
	spaced := c.WithNamespace("team")
	client{spaced}.read("a namespace", "totp/code/odd")
	clone.SetToken(c.Token())
	clone.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	client{clone}.read("wrapped", "totp/code/odd")
}

// around is what the vault command asks beside the engine.
func (c client) around() {
	mounts, err := c.Sys().ListMounts()
	l := line{Step: "mounts", Data: map[string]any{}}
	for path, m := range mounts {
		l.Data[path] = m.Type
	}
	l.print(err)
	health, err := c.Sys().Health()
	if err == nil {
		fresh := time.Since(time.Unix(health.ServerTimeUTC, 0)).Abs() < time.Minute
		line{Step: "health", Data: map[string]any{"initialized": health.Initialized, "sealed": health.Sealed, "fresh": fresh}}.print(nil)
	} else {
		line{Step: "health"}.print(err)
	}
	sealed, err := c.Sys().SealStatus()
	if err != nil {
		line{Step: "seal status"}.print(err)
	} else {
		line{Step: "seal status", Data: map[string]any{"sealed": sealed.Sealed}}.print(nil)
	}
	leader, err := c.Sys().Leader()
	if err != nil {
		line{Step: "leader"}.print(err)
	} else {
		line{Step: "leader", Data: map[string]any{"ha": leader.HAEnabled}}.print(nil)
	}
	self, err := c.Auth().Token().LookupSelf()
	if err != nil || self == nil {
		line{Step: "lookup self"}.print(err)
		return
	}
	line{Step: "lookup self", Data: map[string]any{"name": self.Data["display_name"], "own": self.Data["id"] == c.Token()}}.print(nil)
}
