package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/config"
	"mfawatch/internal/cloudtrail"
)

// answers are what 'config init' knows, question by question.
type answers struct {
	account                  string
	organization, management string
	root                     string
	units                    []string
	home                     string
	regions                  []string // none: default
	targets                  []string // entries of alerts.targets
	trail                    *cloudtrail.Trail
	guardrail                string
	groups, registrars       []string

	found []cloudtrail.Trail // in AWS
}

// setAccount reads "111122223333", or "111122223333 o-exampleorgid r-exam
// 444455556666": the parts of an organisation are told by their form.
func (a *answers) setAccount(text string) error {
	a.account, a.organization, a.root, a.units, a.management = "", "", "", nil, ""
	words := list(text)
	if len(words) == 0 {
		return errors.New("write the account that is deployed to: twelve digits")
	}
	a.account = words[0]
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "o-"):
			a.organization = w
		case strings.HasPrefix(w, "r-"):
			a.root = w
		case strings.HasPrefix(w, "ou-"):
			a.units = append(a.units, w)
		case strings.Trim(w, "0123456789") == "":
			a.management = w
		default:
			return fmt.Errorf("%q is no part of an organisation: write its id (o-…), its root (r-…) or units (ou-…), and the management account", w)
		}
	}
	if len(words) > 1 && a.organization == "" {
		return errors.New("an organisation needs its id, o-…, beside root or units and management account")
	}
	return nil
}

// list takes words apart that stand behind blanks or commas.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
}

func (a *answers) setHome(text string) error {
	words := list(text)
	if len(words) != 1 {
		return errors.New("write one Region: eu-north-1")
	}
	a.home = words[0]
	return nil
}

func (a *answers) setRegions(text string) error {
	a.regions = list(text)
	if slices.Equal(a.regions, []string{"default"}) {
		a.regions = nil
	}
	return nil
}

// nobody is the answer of who tells nobody.
const nobody = "nobody"

var (
	sqsForm   = regexp.MustCompile(`^arn:[a-z-]+:sqs:`)
	slackForm = regexp.MustCompile(`^slack:([^/]+)/([^/]+)$`)
)

// setTargets reads who is told, with =SEVERITY behind who is not told everything.
func (a *answers) setTargets(text string) error {
	a.targets = nil
	words := strings.Fields(text)
	if slices.Equal(words, []string{nobody}) {
		return nil
	}
	for _, w := range words {
		entry, err := target(strings.TrimSuffix(w, ","))
		if err != nil {
			return err
		}
		a.targets = append(a.targets, entry)
	}
	return nil
}

// target is an entry of alerts.targets.
func target(word string) (string, error) {
	severity := ""
	if i := strings.LastIndex(word, "="); i >= 0 && new(audit.Severity).UnmarshalText([]byte(word[i+1:])) == nil {
		word, severity = word[:i], ", severity: "+word[i+1:]
	}
	kind := ""
	switch slack := slackForm.FindStringSubmatch(word); {
	case slack != nil:
		return fmt.Sprintf("{slack: {workspace: %s, channel: %s}%s}", quoted(slack[1]), quoted(slack[2]), severity), nil
	case strings.HasPrefix(word, "https://events.pagerduty.com/"), strings.HasPrefix(word, "https://events.eu.pagerduty.com/"):
		kind = "pagerduty"
	case strings.HasPrefix(word, "https://"):
		kind = "https"
	case sqsForm.MatchString(word):
		kind = "sqs"
	case strings.Contains(word, "@") && !strings.Contains(word, "://"):
		kind = "email"
	default:
		return "", errors.New("write e-mail addresses, https URLs, ARNs of SQS queues, or slack:WORKSPACE/CHANNEL, with blanks between; =high behind one that is told of high and critical only")
	}
	return fmt.Sprintf("{%s: %s%s}", kind, quoted(word), severity), nil
}

// create is the answer of who has a trail made.
const create = "create"

// setTrail reads create, the number or the ARN of a trail that was found, or ARN and
// bucket of one that was not.
func (a *answers) setTrail(text string) error {
	words := list(text)
	a.trail = nil
	switch {
	case slices.Equal(words, []string{create}):
		return nil
	case len(words) == 1:
		for i, t := range a.found {
			if words[0] == fmt.Sprint(i+1) || words[0] == t.ARN {
				a.trail = &a.found[i]
				return nil
			}
		}
		return fmt.Errorf("write %s", a.trailChoice())
	case len(words) == 2 && strings.HasPrefix(words[0], "arn:"):
		bucket, prefix, _ := strings.Cut(words[1], "/")
		a.trail = &cloudtrail.Trail{ARN: words[0], Bucket: bucket, Prefix: strings.TrimSuffix(prefix, "/")}
		return nil
	}
	return fmt.Errorf("write %s", a.trailChoice())
}

func (a *answers) trailChoice() string {
	const named = "ARN and BUCKET[/PREFIX] of a trail that is there"
	if len(a.found) == 0 {
		return create + ", or " + named
	}
	return create + ", a number of the list, or " + named
}

// none is the answer of who wants no guardrail.
const none = "none"

// setGuardrail reads a guardrail, and the groups and the registrars' ARNs behind it.
func (a *answers) setGuardrail(text string) error {
	a.guardrail, a.groups, a.registrars = none, nil, nil
	words := list(text)
	if len(words) == 0 {
		return nil
	}
	a.guardrail = words[0]
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "arn:") {
			a.registrars = append(a.registrars, w)
		} else {
			a.groups = append(a.groups, w)
		}
	}
	return nil
}

// plainWord is what YAML reads as text without quotes.
var plainWord = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)+$|^none$`)

// quoted is a text in YAML whatever it holds: a string of JSON is one of YAML.
func quoted(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	b, err := json.Marshal(text)
	if err != nil {
		return `""` // no string fails
	}
	return string(b)
}

func quotedList(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, quoted(w))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// problems are what is wrong with the answers so far, in sentences.
func (a *answers) problems() error {
	so := *a
	if so.home == "" {
		so.home = "us-east-1" // not asked yet
	}
	_, err := config.ReadDeployment(configName, []byte(so.text()))
	var joined interface{ Unwrap() []error }
	if err == nil || !errors.As(err, &joined) {
		return err
	}
	var all []error
	for _, e := range joined.Unwrap() {
		if f := (*config.Fault)(nil); errors.As(e, &f) {
			e = errors.New(strings.TrimPrefix(f.Field+": "+f.Problem, ": "))
		}
		all = append(all, e)
	}
	return errors.Join(all...)
}
