package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"mfawatch/audit/enforce/guardrail"
	"mfawatch/audit/report"
)

// generateFlags are the options of a guardrail as they were typed.
type generateFlags struct {
	options guardrail.Options
	kind    string
	form    string
	format  string
	file    string
}

func newPolicyGenerate(t terminal) *cobra.Command {
	var f generateFlags
	c := &cobra.Command{
		Use:   "generate --guardrail NAME",
		Short: "Write the policy document of a guardrail",
		Long: strings.TrimSpace(`
Writes a policy document that asks IAM users for a second factor. Each statement
is explained, and what was proved of it said, in docs/guardrails.md.

Guardrails:
` + listing(guardrail.Kinds()) + `
Forms:
` + listing(guardrail.Forms()) + `
Nothing is changed in AWS and nothing is asked of it. Before a guardrail is
attached, see who has no factor yet: mfawatch audit.`),
		Example: strings.TrimRight(`
  mfawatch policy generate --guardrail self-service --mfa-age 15m
  mfawatch policy generate --guardrail mfa-only --form scp -o scp.json
  mfawatch policy generate --guardrail hardware --fido-level L2,L2plus --format terraform
  mfawatch policy generate --guardrail admin-managed \
    --registrar arn:aws:iam::111122223333:role/mfa-registrar
  mfawatch policy generate --guardrail actions --action ec2:RunInstances,ec2:TerminateInstances
  mfawatch policy generate --guardrail mfa-only --form trust \
    --principal arn:aws:iam::111122223333:user/ada`[1:], "\n"),
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(t) },
	}
	f.add(c)
	return c
}

func namesOf(all []guardrail.Info) (names []string) {
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}

func listing(all []guardrail.Info) string {
	var b strings.Builder
	for _, i := range all {
		fmt.Fprintf(&b, "  %-14s %s\n", i.Name, wrapped(i.Says, "                 "))
	}
	return b.String()
}

// wrapped breaks a sentence for the help, which is 80 columns wide.
func wrapped(text, indent string) string { return wrappedTo(80, text, indent) }

// wrappedTo breaks at blanks only: a name with hyphens stays one.
func wrappedTo(columns int, text, indent string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns-len(indent) {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n"+indent)
}

func (f *generateFlags) add(c *cobra.Command) {
	o := &f.options
	c.Flags().StringVar(&f.kind, "guardrail", "", "guardrail, from the list above")
	c.Flags().StringVar(&f.form, "form", string(guardrail.Identity), "what it is attached as, from the list above")
	completeFlag(c, "guardrail", fixed(namesOf(guardrail.Kinds())...))
	completeFlag(c, "form", fixed(namesOf(guardrail.Forms())...))
	c.Flags().StringVar(&o.Partition, "partition", "aws", "aws, aws-cn or aws-us-gov")
	c.Flags().DurationVar(&o.MFAAge, "mfa-age", 0, "how old MFA may be to take a factor away, for --action, and for a role (there 1h unless given), such as 15m")
	c.Flags().StringSliceVar(&o.Registrars, "registrar", nil, "ARN of the role that enrols for others; its account may be *")
	c.Flags().StringSliceVar(&o.Actions, "action", nil, "of guardrail actions: service:Operation; can be given again")
	c.Flags().BoolVar(&o.ThroughServices, "through-services", false, "of guardrail actions: let AWS services do it on a user's behalf, though such calls carry no MFA")
	c.Flags().StringSliceVar(&o.Principals, "principal", nil, "of form trust: ARN of a user who may assume the role; can be given again")
	c.Flags().StringSliceVar(&o.FIDOLevels, "fido-level", nil, "of guardrail hardware: accepted FIDO certifications: L1, L1plus, L2, L2plus, L3, L3plus (all unless a level is given)")
	c.Flags().StringSliceVar(&o.FIPS1402Levels, "fips-140-2-level", nil, "of guardrail hardware: accepted FIPS 140-2 certifications: L1, L2, L3, L4")
	c.Flags().StringSliceVar(&o.FIPS1403Levels, "fips-140-3-level", nil, "of guardrail hardware: the same of FIPS 140-3")
	c.Flags().BoolVar(&o.PasswordChange, "password-change", false, "let users change their password before they have a factor, as a forced change at the first sign-in needs")
	c.Flags().BoolVar(&o.NoConsoleComfort, "no-console-comfort", false, "without MFA read nothing that enrolment itself does not need")
	c.Flags().BoolVar(&o.TagGuard, "tag-guard", false, "users tagged "+guardrail.TagKey+"=true enrol nothing more without MFA; for aws-cn and aws-us-gov, where AWS's own rule is not verified")
	formatFlag(c, &f.format, "json", "terraform", "cloudformation")
	c.Flags().StringVar(&o.Name, "name", "", "what terraform and cloudformation call the policy, or the role of form trust (default: by guardrail and form)")
	c.Flags().VarP((*fileName)(&f.file), "output", "o", "write this file in place of what it held, readable by you only, and print nothing; - prints")
}

func (f *generateFlags) run(t terminal) error {
	d, err := f.document()
	if err != nil {
		return err
	}
	text, err := f.text(d)
	if err != nil {
		return err
	}
	for _, doubt := range d.Doubts {
		fmt.Fprintf(t.err, "mfawatch: --action: %s\n", report.Plain(doubt))
	}
	if err := writeText(t, f.file, text); err != nil {
		return cannotRun(fmt.Errorf("the policy: %w", err))
	}
	if f.file == "" || f.file == standardOutput {
		return nil
	}
	_, err = fmt.Fprintf(t.err, "Wrote %s (%s).\n", report.Plain(f.file), f.format)
	return err
}

func (f *generateFlags) document() (guardrail.Document, error) {
	if f.kind == "" {
		return guardrail.Document{}, usage("--guardrail is missing: self-service, mfa-only, hardware, admin-managed or actions")
	}
	f.options.Kind, f.options.Form = guardrail.Kind(f.kind), guardrail.Form(f.form)
	d, err := guardrail.Generate(f.options)
	if wrong := (*guardrail.OptionError)(nil); errors.As(err, &wrong) {
		return guardrail.Document{}, usage("--%s: %s", wrong.Option, wrong.Problem)
	}
	return d, err
}

func (f *generateFlags) text(d guardrail.Document) (string, error) {
	switch {
	case f.format == "json" && f.options.Name != "":
		return "", usage("--name: a policy document has no name in it; it belongs to --format terraform and cloudformation")
	case f.format == "terraform":
		return d.Terraform(), nil
	case f.format == "cloudformation":
		return d.CloudFormation(), nil
	}
	return policyJSON(d), nil
}

// policyJSON is the document as it is to be saved: white space counts against the
// quota of a policy of the organisation, and nowhere else.
func policyJSON(d guardrail.Document) string {
	if d.Options.Form == guardrail.SCP || d.Options.Form == guardrail.RCP {
		return d.Compact() + "\n"
	}
	return d.JSON() + "\n"
}
