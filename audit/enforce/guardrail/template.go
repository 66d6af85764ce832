package guardrail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// templateName is a name that IAM, Organizations and Terraform take as it is.
var templateName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// checkName holds a name to the shorter of what IAM stores: 64 characters of a
// role's, 128 of a policy's (IAM user guide, IAM and AWS STS quotas).
func (o *Options) checkName() error {
	longest := 128
	if o.Form == Trust {
		longest = 64
	}
	switch {
	case o.Name == "":
		return nil
	case !templateName.MatchString(o.Name):
		return wrong("name", "%q is not a letter followed by letters, digits, - and _", o.Name)
	case len(o.Name) > longest:
		return wrong("name", "it has %d characters, and IAM takes %d here", len(o.Name), longest)
	}
	return nil
}

// name is what a template calls the policy. The default is the same for every
// document of a guardrail and form: two of them in one account need names.
func (d Document) name() string {
	if d.Options.Name != "" {
		return d.Options.Name
	}
	return fmt.Sprintf("mfawatch-%s-%s", d.Options.Kind, d.Options.Form)
}

// says is the policy's description. IAM never lets it be changed.
func (d Document) says() string {
	for _, k := range Kinds() {
		if k.Name == string(d.Options.Kind) && d.Options.Form != Trust {
			return fmt.Sprintf("mfawatch guardrail %s. %s", k.Name, k.Says)
		}
	}
	return "mfawatch: named users assume this role with MFA."
}

// session is how long a role's session lasts in a template: an hour, the least that
// can be set, because nothing asks for MFA again while it lasts.
const session = 3600

// Terraform is a resource with the document, and above it why each statement is
// there. jsonencode stores it without white space.
func (d Document) Terraform() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n#\n", d.says())
	for _, s := range d.Statements {
		fmt.Fprintf(&b, "# %s: %s\n", s.Sid, s.Why)
	}
	resource, argument := "aws_iam_policy", "policy"
	switch d.Options.Form {
	case SCP, RCP:
		resource, argument = "aws_organizations_policy", "content"
	case Trust:
		resource, argument = "aws_iam_role", "assume_role_policy"
	}
	fmt.Fprintf(&b, "resource %q %q {\n", resource, strings.ReplaceAll(d.name(), "-", "_"))
	switch d.Options.Form {
	case SCP, RCP:
		fmt.Fprintf(&b, "  name        = %q\n  description = %q\n  type        = %q\n", d.name(), d.says(), d.organizationsType())
	case Trust:
		if d.Options.Name != "" {
			fmt.Fprintf(&b, "  name                 = %q\n", d.name())
		}
		fmt.Fprintf(&b, "  description          = %q\n  max_session_duration = %d\n", d.says(), session)
	default:
		fmt.Fprintf(&b, "  name        = %q\n  description = %q\n", d.name(), d.says())
	}
	fmt.Fprintf(&b, "  %s = jsonencode(%s)\n}\n", argument, inTerraform(d.JSON()))
	return b.String()
}

// inTerraform is JSON as an expression of Terraform, to which ${ and %{ in a text
// begin a template.
func inTerraform(text string) string {
	text = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
	return strings.ReplaceAll(text, "\n", "\n  ")
}

func (d Document) organizationsType() string {
	if d.Options.Form == RCP {
		return "RESOURCE_CONTROL_POLICY"
	}
	return "SERVICE_CONTROL_POLICY"
}

// CloudFormation is a template in JSON with one resource. Why each statement is
// there stands in the resource's metadata.
func (d Document) CloudFormation() string {
	document := json.RawMessage(d.Compact())
	kind, properties := "AWS::IAM::ManagedPolicy", pairs{{"ManagedPolicyName", d.name()}, {"Description", d.says()}, {"PolicyDocument", document}}
	switch d.Options.Form {
	case SCP, RCP:
		kind = "AWS::Organizations::Policy"
		properties = pairs{{"Name", d.name()}, {"Description", d.says()}, {"Type", d.organizationsType()}, {"Content", document}}
	case Trust:
		kind = "AWS::IAM::Role"
		properties = pairs{{"Description", d.says()}, {"MaxSessionDuration", session}, {"AssumeRolePolicyDocument", document}}
		if d.Options.Name != "" {
			properties = append(pairs{{"RoleName", d.name()}}, properties...)
		}
	}
	var why pairs
	for _, s := range d.Statements {
		why = append(why, pair{s.Sid, s.Why})
	}
	resource := pairs{{"Type", kind}, {"Metadata", pairs{{"Statements", why}}}, {"Properties", properties}}
	template := pairs{{"AWSTemplateFormatVersion", "2010-09-09"}, {"Description", d.says()}, {"Resources", pairs{{d.logicalID(), resource}}}}
	var b bytes.Buffer
	_ = json.Indent(&b, []byte(encode(template)), "", "  ") // of our own making
	return b.String() + "\n"
}

// logicalID is the resource's name within a template: letters and digits
// (CloudFormation template reference, resources).
func (d Document) logicalID() string {
	if d.Options.Name == "" {
		return "Guardrail"
	}
	return strings.NewReplacer("-", "", "_", "").Replace(d.Options.Name)
}

// pairs are an object's members in their order.
type pairs []pair

type pair struct {
	name  string
	value any
}

func (p pairs) MarshalJSON() ([]byte, error) {
	var all []string
	for _, m := range p {
		all = append(all, encode(m.name)+":"+encode(m.value))
	}
	return []byte("{" + strings.Join(all, ",") + "}"), nil
}
