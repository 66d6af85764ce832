package enforce

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/internal/casefile"
)

// Each case is a file: policies in their layers, a request, and the decision with
// what decided it.
func TestDecisions(t *testing.T) {
	for _, c := range casefile.All(t, "testdata/decisions/*.txtar") {
		t.Run(c.Name, func(t *testing.T) { decide(t, c) })
	}
}

// decide reads a case: policies stand until the next file of their layer's name, and
// each request is followed by its decision.
func decide(t *testing.T, c casefile.Case) {
	var p Policies
	var q Request
	for _, f := range c.Files {
		layer, name, _ := strings.Cut(f.Name, "/")
		switch layer {
		case "request":
			q = requestOf(t, string(f.Data))
		case "decision":
			if got, want := printed(Evaluate(q, p)), string(f.Data); got != want {
				t.Errorf("%s on %s with %v:\n%swant\n%s", q.Action, q.Resource, q.Context.values[strings.ToLower(KeyMFAPresent)], got, want)
			}
		default:
			add(t, &p, layer, mustParse(t, name, string(f.Data)))
		}
	}
}

func add(t *testing.T, p *Policies, layer string, d Document) {
	t.Helper()
	level := func(all [][]Document, name string) [][]Document {
		at, rest, _ := strings.Cut(name, "/")
		n, err := strconv.Atoi(at)
		if err != nil {
			t.Fatal(err)
		}
		for len(all) < n {
			all = append(all, nil)
		}
		d.Name = rest
		all[n-1] = append(all[n-1], d)
		return all
	}
	switch layer {
	case "identity":
		p.Identity = append(p.Identity, d)
	case "boundary":
		p.Boundary = &d
	case "session":
		p.Session = &d
	case "resource":
		p.Resource = &d
	case "scp":
		p.SCPs = level(p.SCPs, d.Name)
	case "rcp":
		p.RCPs = level(p.RCPs, d.Name)
	default:
		t.Fatalf("%q is no layer", layer)
	}
}

// requestOf reads the lines of a request: who, with what, does what, on what, and
// keys of the context.
func requestOf(t *testing.T, text string) Request {
	t.Helper()
	c := Caller{Partition: "aws", Account: "111122223333", Kind: audit.IAMUser, Path: "/", Name: "ada", ID: "AIDAEXAMPLEADA", TagsKnown: true, Credential: AccessKey, OwnDevice: No}
	x, action, resource := NewContext(), "", "*"
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "user":
			c.Name = value
		case "role":
			c.Kind, c.Name, c.Session, c.ID, c.Credential = audit.Role, value, "run-7", "AROAEXAMPLE", RoleCredentials
		case "federated":
			c.Kind, c.Name, c.Credential = audit.Federated, value, FederationToken
		case "root":
			c.Kind = audit.Root
		case "path":
			c.Path = value
		case "account":
			c.Account = value
		case "partition":
			c.Partition = value
		case "credential":
			c.Credential = Credential(value)
		case "age":
			age, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			c.MFAAge = age
		case "device":
			c.OwnDevice = map[string]Tri{"yes": Yes, "no": No, "maybe": Maybe}[value]
		case "tags":
			c.TagsKnown = value == "known"
		case "key":
			f := strings.Fields(value)
			x = x.With(f[0], f[1:]...)
		case "unknown":
			x = x.WithUnknown(value)
		case "do":
			action, resource, _ = strings.Cut(value, " ")
		default:
			t.Fatalf("line %q", line)
		}
	}
	return c.Request(x, action, resource)
}

func printed(d Decision) string {
	var b strings.Builder
	fmt.Fprintln(&b, map[Answer]string{Unknown: "unknown", Allowed: "allowed", ImplicitlyDenied: "implicitly denied", ExplicitlyDenied: "explicitly denied"}[d.Answer])
	for _, r := range d.Because {
		fmt.Fprintf(&b, "%s: %s\n", r.Layer, r.Text)
	}
	return b.String()
}
