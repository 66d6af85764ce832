package deployed

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// ExpectedName is the file in the canary's folder that holds Expected.
const ExpectedName = "rules.json"

// Expected is what stands deployed, as infra made it: what the canary's daily
// check compares AWS's answers with. It holds no secret: an endpoint goes by its
// digest.
type Expected struct {
	Buses         []Bus          `json:"buses"` // every bus of every watched Region, also one without a rule of ours
	Subscriptions []Subscription `json:"subscriptions"`
	Functions     []Function     `json:"functions"`
}

// Bus is an event bus and the rules on it whose names begin with ours.
type Bus struct {
	Region string   `json:"region"`
	Name   string   `json:"name"`
	Rules  []Placed `json:"rules"`
}

// Placed is a rule as it stands on a bus.
type Placed struct {
	Name    string   `json:"name"` // whole: PREFIX-sign-in-console
	State   string   `json:"state"`
	Pattern string   `json:"pattern"` // compared as JSON
	Targets []Target `json:"targets"`
}

// Target is where a rule sends events. Text is an input transformer's template,
// or what else is sent in the event's place; "": the event.
type Target struct {
	ARN        string            `json:"arn"`
	Role       string            `json:"role,omitempty"`
	DeadLetter string            `json:"dead_letter,omitempty"`
	Text       string            `json:"text,omitempty"`
	Paths      map[string]string `json:"paths,omitempty"`
}

// Subscription is one that the topic must have. Open ones may be ended by whoever
// has a message's link: services that confirm by themselves, such as chat and
// PagerDuty, cannot be confirmed otherwise.
type Subscription struct {
	Protocol string `json:"protocol"`
	Digest   string `json:"digest"` // of the endpoint
	Shown    string `json:"shown"`  // what may be said of it
	Open     bool   `json:"open,omitempty"`
}

// Function is a function and the queues that it must be reading.
type Function struct {
	Name    string   `json:"name"`
	Sources []string `json:"sources"`
}

// Subscribed makes a Subscription of an endpoint.
func Subscribed(protocol, endpoint string, open bool) Subscription {
	return Subscription{Protocol: protocol, Digest: EndpointDigest(endpoint), Shown: ShownEndpoint(protocol, endpoint), Open: open}
}

// EndpointDigest is what an endpoint is known by: an integration's address holds
// its key.
func EndpointDigest(endpoint string) string {
	sum := sha256.Sum256([]byte(endpoint))
	return hex.EncodeToString(sum[:])
}

// ShownEndpoint is what may be said of an endpoint: a URL's host, an address's
// domain, an ARN; of anything else nothing but the protocol.
func ShownEndpoint(protocol, endpoint string) string {
	switch {
	case ownARN.MatchString(endpoint):
		return protocol + " " + endpoint
	case protocol == "http" || protocol == "https":
		if u, err := url.Parse(endpoint); err == nil && u.Hostname() != "" {
			return protocol + " " + u.Hostname()
		}
	case protocol == "email" || protocol == "email-json":
		if _, domain, found := strings.Cut(endpoint, "@"); found {
			return protocol + " at " + domain
		}
	}
	return protocol
}

// JSON is the file.
func (e Expected) JSON() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// ReadExpected reads the file, strictly: a field that is not known was meant to
// be checked.
func ReadExpected(text []byte) (Expected, error) {
	var e Expected
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Expected{}, fmt.Errorf("%s: %w", ExpectedName, err)
	}
	if d.More() {
		return Expected{}, fmt.Errorf("%s: something follows the object", ExpectedName)
	}
	return e, e.check()
}

// check tells what a file lacks that could not be compared with anything.
func (e Expected) check() error {
	if len(e.Buses) == 0 {
		return fmt.Errorf("%s: no bus: there would be nothing to check", ExpectedName)
	}
	seen := map[string]bool{}
	for _, b := range e.Buses {
		key := b.Region + "/" + b.Name
		if b.Region == "" || b.Name == "" || seen[key] {
			return fmt.Errorf("%s: bus %q of Region %q is without a name, or there twice", ExpectedName, b.Name, b.Region)
		}
		seen[key] = true
		for _, r := range b.Rules {
			if err := r.check(); err != nil {
				return fmt.Errorf("%s: %s: rule %q: %w", ExpectedName, key, r.Name, err)
			}
		}
	}
	for _, s := range e.Subscriptions {
		if s.Protocol == "" || len(s.Digest) != 2*sha256.Size {
			return fmt.Errorf("%s: a subscription without protocol or digest: make it by deployed.Subscribed", ExpectedName)
		}
	}
	for _, f := range e.Functions {
		if f.Name == "" {
			return fmt.Errorf("%s: a function without a name", ExpectedName)
		}
	}
	return nil
}

func (r Placed) check() error {
	switch {
	case r.Name == "":
		return errors.New("no name")
	case r.State != Enabled && r.State != EnabledWithRead:
		return fmt.Errorf("state %q is neither %s nor %s", r.State, Enabled, EnabledWithRead)
	case !json.Valid([]byte(r.Pattern)):
		return errors.New("the pattern is not JSON")
	case len(r.Targets) == 0:
		return errors.New("no target")
	}
	return nil
}

// WithKey puts the ARN of the KMS key, and its id, in the place of the
// placeholders.
func (e Expected) WithKey(arn string) (Expected, error) {
	text, _ := json.Marshal(e) // texts alone cannot fail
	if !bytes.Contains(text, []byte(KeyARNPlaceholder)) && !bytes.Contains(text, []byte(KeyIDPlaceholder)) {
		return e, nil
	}
	if !ownARN.MatchString(arn) || !strings.Contains(arn, ":key/") {
		return Expected{}, fmt.Errorf("%s speaks of the KMS key, and %q is no ARN of one", ExpectedName, arn)
	}
	o := Own{KeyARN: arn}
	text = bytes.ReplaceAll(text, []byte(KeyARNPlaceholder), []byte(arn))
	text = bytes.ReplaceAll(text, []byte(KeyIDPlaceholder), []byte(o.keyID()))
	var filled Expected
	return filled, json.Unmarshal(text, &filled)
}

// Differences tells how the rules of a bus differ from what they should be, one
// sentence each, in a fixed order. found are all whose names begin with ours.
func (b Bus) Differences(found []Placed) []string {
	byName := map[string]Placed{}
	for _, r := range found {
		byName[r.Name] = r
	}
	var all []string
	for _, want := range b.Rules {
		got, there := byName[want.Name]
		delete(byName, want.Name)
		if !there {
			all = append(all, fmt.Sprintf("rule %s is missing", want.Name))
			continue
		}
		all = append(all, want.differences(got)...)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, fmt.Sprintf("rule %s is there, and nobody deployed it", name))
	}
	return all
}

func (r Placed) differences(got Placed) []string {
	var all []string
	if got.State != r.State {
		all = append(all, fmt.Sprintf("rule %s is %s, not %s", r.Name, got.State, r.State))
	}
	if !sameJSON(got.Pattern, r.Pattern) {
		all = append(all, fmt.Sprintf("rule %s has another pattern", r.Name))
	}
	left := slices.Clone(got.Targets)
	for _, want := range r.Targets {
		i := slices.IndexFunc(left, func(t Target) bool { return t.ARN == want.ARN })
		if i < 0 {
			all = append(all, fmt.Sprintf("rule %s lacks the target %s", r.Name, want.ARN))
			continue
		}
		all = append(all, want.differences(r.Name, left[i])...)
		left = slices.Delete(left, i, i+1)
	}
	for _, t := range left {
		all = append(all, fmt.Sprintf("rule %s has the target %s, which nobody deployed", r.Name, t.ARN))
	}
	return all
}

func (t Target) differences(rule string, got Target) []string {
	var all []string
	about := fmt.Sprintf("rule %s, target %s: ", rule, t.ARN)
	if got.Role != t.Role {
		all = append(all, about+fmt.Sprintf("the role is %q, not %q", got.Role, t.Role))
	}
	if got.DeadLetter != t.DeadLetter {
		all = append(all, about+fmt.Sprintf("the dead-letter queue is %q, not %q", got.DeadLetter, t.DeadLetter))
	}
	if got.Text != t.Text || !maps.Equal(got.Paths, t.Paths) {
		all = append(all, about+"something else is sent in the event's place")
	}
	return all
}

// sameJSON compares a text as JSON with one that is: the order of an object's
// keys and white space do not matter.
func sameJSON(found, want string) bool {
	var x, y any
	_ = json.Unmarshal([]byte(want), &y)
	return json.Unmarshal([]byte(found), &x) == nil && reflect.DeepEqual(x, y)
}
