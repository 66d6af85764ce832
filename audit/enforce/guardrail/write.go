package guardrail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// JSON is the document as people read it, in the order of AWS's own examples.
func (d Document) JSON() string {
	var b bytes.Buffer
	// Compact is JSON of our own making: Indent cannot fail on it.
	_ = json.Indent(&b, []byte(d.Compact()), "", "  ")
	return b.String()
}

// Compact is the document without white space, as it counts against quotas.
func (d Document) Compact() string {
	var b strings.Builder
	b.WriteString(`{"Version":"2012-10-17","Statement":[`)
	for i, s := range d.Statements {
		if i > 0 {
			b.WriteByte(',')
		}
		s.write(&b)
	}
	b.WriteString(`]}`)
	return b.String()
}

func (s Statement) write(b *strings.Builder) {
	fmt.Fprintf(b, `{"Sid":%s,"Effect":%s`, encode(s.Sid), encode(s.Effect))
	if len(s.Principals) == 1 && s.Principals[0] == "*" {
		b.WriteString(`,"Principal":"*"`)
	} else if len(s.Principals) > 0 {
		fmt.Fprintf(b, `,"Principal":{"AWS":%s}`, oneOrMany(s.Principals))
	}
	for _, e := range []struct {
		name   string
		values []string
	}{{"Action", s.Actions}, {"NotAction", s.NotActions}, {"Resource", s.Resources}, {"NotResource", s.NotResources}} {
		if len(e.values) > 0 {
			fmt.Fprintf(b, `,%s:%s`, encode(e.name), oneOrMany(e.values))
		}
	}
	if len(s.Conditions) > 0 {
		b.WriteString(`,"Condition":`)
		writeConditions(b, s.Conditions)
	}
	b.WriteByte('}')
}

// writeConditions writes each operator once, with all its keys: a second one of
// the same name would be refused.
func writeConditions(b *strings.Builder, all []Condition) {
	var operators []string
	keys := map[string][]string{}
	for _, c := range all {
		if keys[c.Operator] == nil {
			operators = append(operators, c.Operator)
		}
		keys[c.Operator] = append(keys[c.Operator], encode(c.Key)+":"+oneOrMany(c.Values))
	}
	for i, o := range operators {
		operators[i] = encode(o) + ":{" + strings.Join(keys[o], ",") + "}"
	}
	b.WriteString("{" + strings.Join(operators, ",") + "}")
}

// oneOrMany writes a single value as a text, as AWS's examples do.
func oneOrMany(values []string) string {
	if len(values) == 1 {
		return encode(values[0])
	}
	var all []string
	for _, v := range values {
		all = append(all, encode(v))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// encode is JSON with <, > and & as they are.
func encode(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // texts, numbers and objects of them always encode
	return strings.TrimSuffix(b.String(), "\n")
}

// Limit is how many characters a document may have in its form.
type Limit struct {
	Characters int
	Of         string
	Source     string
}

// Limit is the quota of the document's form. White space is free in IAM and counts
// in Organizations. For a service control policy AWS allows 10,240 characters; half
// of it is ours, so that the text also fits where the older limit still holds.
func (d Document) Limit() Limit {
	const iamQuotas, orgQuotas = "IAM user guide, IAM and AWS STS quotas", "Organizations user guide, quotas"
	switch d.Options.Form {
	case SCP:
		return Limit{5120, "we keep a service control policy to", orgQuotas}
	case RCP:
		return Limit{5120, "Organizations stores in a resource control policy", orgQuotas}
	case Trust:
		return Limit{2048, "IAM stores in a trust policy", iamQuotas}
	}
	return Limit{6144, "IAM stores in a managed policy", iamQuotas}
}

// fits refuses a document that would not be stored. Only lists that the options
// carry can make one too long: without them the longest fits, which a test holds.
func (d Document) fits() error {
	size, limit := len(d.Compact()), d.Limit()
	if size <= limit.Characters {
		return nil
	}
	option, longest := "", 0
	for _, list := range []struct {
		option string
		values []string
	}{{"action", d.Options.Actions}, {"principal", d.Options.Principals}, {"registrar", d.Options.Registrars}} {
		if n := len(strings.Join(list.values, "")); n > longest {
			option, longest = list.option, n
		}
	}
	return wrong(option, "the document would have %d characters, and %s no more than %d: name fewer", size, limit.Of, limit.Characters)
}
