package matrix

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/guardrail"
)

// document is a variant of a guardrail in one form and partition.
type document struct {
	variant string
	options guardrail.Options
	text    string
	parsed  map[string]enforce.Document // by text, shared by all rows
}

// documents generates everything of variants.tsv.
func documents() ([]document, error) {
	var all []document
	parsed := map[string]enforce.Document{}
	for i, text := range strings.Split(variants, "\n") {
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		cells := strings.Split(text, "\t")
		if len(cells) != 5 || cells[4] == "" {
			return nil, fmt.Errorf("line %d: want five cells", i+1)
		}
		for _, kind := range strings.Split(cells[0], ",") {
			for _, form := range strings.Split(cells[2], ",") {
				for _, partition := range []string{"aws", "aws-cn", "aws-us-gov"} {
					d, err := generate(guardrail.Kind(kind), guardrail.Form(form), partition, cells[3])
					if err != nil {
						return nil, fmt.Errorf("line %d: %w", i+1, err)
					}
					d.variant, d.parsed = cells[1], parsed
					all = append(all, d)
				}
			}
		}
	}
	return all, nil
}

func generate(kind guardrail.Kind, form guardrail.Form, partition, options string) (document, error) {
	o := guardrail.Options{Kind: kind, Form: form, Partition: partition}
	for _, word := range strings.Fields(options) {
		if word == "-" {
			continue
		}
		if err := set(&o, word); err != nil {
			return document{}, err
		}
	}
	d, err := guardrail.Generate(o)
	if err != nil {
		return document{}, fmt.Errorf("%s as %s: %w", kind, form, err)
	}
	return document{options: d.Options, text: d.JSON()}, nil
}

// set reads one word of the cell options.
func set(o *guardrail.Options, word string) error {
	name, value, _ := strings.Cut(word, "=")
	values := strings.Split(value, ",")
	switch name {
	case "no-console-comfort":
		o.NoConsoleComfort = true
	case "password-change":
		o.PasswordChange = true
	case "tag-guard":
		o.TagGuard = true
	case "through-services":
		o.ThroughServices = true
	case "mfa-age":
		seconds, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q: %w", word, err)
		}
		o.MFAAge = time.Duration(seconds) * time.Second
	case "fido":
		o.FIDOLevels = values
	case "fips2":
		o.FIPS1402Levels = values
	case "fips3":
		o.FIPS1403Levels = values
	case "actions":
		o.Actions = values
	case "registrar":
		o.Registrars = []string{arn(o.Partition, "registrar")}
	case "principals":
		o.Principals = []string{arn(o.Partition, "ada"), arn(o.Partition, "bea"), arn(o.Partition, "carol")}
	default:
		return fmt.Errorf("%q is no option", word)
	}
	return nil
}

const (
	everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	// readable is the policy of a public bucket.
	readable = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:P:s3:::public/*"}]}`
	// trusting is the trust policy of a role that trusts its account, as most do.
	trusting = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:P:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`
)

// layers are the documents around a row. RCPFullAWSAccess is left out: it is always
// attached, and says nothing.
func (d document) layers(grants, resource string) ([]Layer, error) {
	form := d.options.Form
	kind := map[guardrail.Form]enforce.Layer{
		guardrail.Identity: enforce.Identity, guardrail.Boundary: enforce.Boundary, guardrail.SCP: enforce.SCP, guardrail.RCP: enforce.RCP, guardrail.Trust: enforce.Resource,
	}[form]
	all := []Layer{{Layer: kind, Name: "guardrail", Text: d.text, Guardrail: true}}
	if grants == "admin" || form != guardrail.Identity {
		all = append(all, Layer{Layer: enforce.Identity, Name: "AdministratorAccess", Text: everything})
	}
	if form == guardrail.SCP {
		all = append(all, Layer{Layer: enforce.SCP, Name: "FullAWSAccess", Text: everything})
	}
	own := map[string]string{"role": trusting, "public": readable}[resource]
	if own != "" && form != guardrail.Trust {
		all = append(all, Layer{Layer: enforce.Resource, Name: "of the " + resource, Text: strings.Replace(own, ":P:", ":"+d.options.Partition+":", 1)})
	}
	return all, d.parse(all)
}

// parse reads each text once: many rows have the same.
func (d document) parse(all []Layer) error {
	for i, l := range all {
		if _, done := d.parsed[l.Name+l.Text]; !done {
			document, err := enforce.Parse(l.Name, l.Text)
			if err != nil {
				return err
			}
			d.parsed[l.Name+l.Text] = document
		}
		all[i].document = d.parsed[l.Name+l.Text]
	}
	return nil
}

// Policies are the row's documents for Evaluate.
func (r Row) Policies() enforce.Policies { return r.policies(nil) }

// With are the row's documents with another one in the guardrail's place.
func (r Row) With(other enforce.Document) enforce.Policies { return r.policies(&other) }

func (r Row) policies(other *enforce.Document) enforce.Policies {
	var p enforce.Policies
	var scps, rcps []enforce.Document
	for _, l := range r.Layers {
		d := l.document
		if l.Guardrail && other != nil {
			d = *other
		}
		switch l.Layer {
		case enforce.Identity:
			p.Identity = append(p.Identity, d)
		case enforce.Boundary:
			p.Boundary = &d
		case enforce.SCP:
			scps = append(scps, d)
		case enforce.RCP:
			rcps = append(rcps, d)
		case enforce.Resource:
			p.Resource = &d
		}
	}
	if scps != nil {
		p.SCPs = [][]enforce.Document{scps}
	}
	if rcps != nil {
		p.RCPs = [][]enforce.Document{rcps}
	}
	return p
}
