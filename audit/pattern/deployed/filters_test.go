package deployed_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/pattern"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/audit/signin"
)

// names says for each filter whether a case is what the filter's name says,
// written from the judges' words and the event, not from the pattern.
var names = map[string]func(testcase) bool{
	"unauthorized-calls": func(c testcase) bool {
		return strings.HasSuffix(c.text("errorCode"), "UnauthorizedOperation") || strings.HasPrefix(c.text("errorCode"), "AccessDenied")
	},
	"sign-in-without-mfa": func(c testcase) bool {
		own := c.verdict.Principal.Kind == audit.IAMUser || c.verdict.Principal.Kind == audit.Root
		without := c.verdict.Reason == signin.ReasonNoMFA || c.verdict.Reason == signin.ReasonMFANotRecorded
		return c.verdict.Event == "ConsoleLogin" && own && without
	},
	"root-use": func(c testcase) bool {
		e, err := signin.Parse(c.raw)
		return err == nil && e.Principal.Kind == audit.Root && !e.AssumedRoot && e.InvokedBy == "" && !strings.EqualFold(c.text("eventType"), "AwsServiceEvent")
	},
	"console-failures": func(c testcase) bool {
		failed := c.verdict.Reason == signin.ReasonFailedSignIn || c.verdict.Reason == signin.ReasonFailedAtMFA
		return c.verdict.Event == "ConsoleLogin" && failed
	},
	"iam-policy-changes": call("iam", "DeleteGroupPolicy", "DeleteRolePolicy", "DeleteUserPolicy", "PutGroupPolicy", "PutRolePolicy", "PutUserPolicy", "CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion",
		"AttachRolePolicy", "DetachRolePolicy", "AttachUserPolicy", "DetachUserPolicy", "AttachGroupPolicy", "DetachGroupPolicy"),
	"trail-changes": call("cloudtrail", "CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
	"key-changes":   call("kms", "DisableKey", "ScheduleKeyDeletion"),
	"bucket-policy-changes": call("s3", "PutBucketAcl", "PutBucketPolicy", "PutBucketCors", "PutBucketLifecycle", "PutBucketReplication",
		"DeleteBucketPolicy", "DeleteBucketCors", "DeleteBucketLifecycle", "DeleteBucketReplication"),
	"config-changes": call("config", "StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"),
	"security-group-changes": call("ec2", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress",
		"CreateSecurityGroup", "DeleteSecurityGroup"),
	"network-acl-changes": call("ec2", "CreateNetworkAcl", "CreateNetworkAclEntry", "DeleteNetworkAcl", "DeleteNetworkAclEntry", "ReplaceNetworkAclEntry", "ReplaceNetworkAclAssociation"),
	"gateway-changes":     call("ec2", "CreateCustomerGateway", "DeleteCustomerGateway", "AttachInternetGateway", "CreateInternetGateway", "DeleteInternetGateway", "DetachInternetGateway"),
	"route-table-changes": call("ec2", "CreateRoute", "CreateRouteTable", "ReplaceRoute", "ReplaceRouteTableAssociation", "DeleteRouteTable", "DeleteRoute", "DisassociateRouteTable"),
	"vpc-changes": call("ec2", "CreateVpc", "DeleteVpc", "ModifyVpcAttribute", "AcceptVpcPeeringConnection", "CreateVpcPeeringConnection", "DeleteVpcPeeringConnection", "RejectVpcPeeringConnection",
		"AttachClassicLinkVpc", "DetachClassicLinkVpc", "DisableVpcClassicLink", "EnableVpcClassicLink"),
	"organization-changes": call("organizations", "AcceptHandshake", "AttachPolicy", "CreateAccount", "CreateOrganizationalUnit", "CreatePolicy", "DeclineHandshake", "DeleteOrganization", "DeleteOrganizationalUnit", "DeletePolicy", "DetachPolicy",
		"DisablePolicyType", "EnablePolicyType", "InviteAccountToOrganization", "LeaveOrganization", "MoveAccount", "RemoveAccountFromOrganization", "UpdatePolicy", "UpdateOrganizationalUnit"),
}

// calls are the events of each call filter's name.
var calls = map[string][]string{}

func call(service string, events ...string) func(testcase) bool {
	calls[service+" "+events[0]] = events
	return func(c testcase) bool {
		_, failed := c.fields["errorCode"]
		return c.text("eventSource") == service+".amazonaws.com" && slices.Contains(events, c.text("eventName")) && !failed
	}
}

// differences are the cases in which a form answers otherwise than its name, by
// the answer. Whoever changes a filter changes them too.
var differences = map[string]map[string][]string{
	"sign-in-without-mfa compat": {
		// Yes in another spelling, which AWS's own page shows once (YES), and what
		// is no sign-in of the known source.
		"counted": {"iam-mfa-true-text", "iam-mfa-yes-capitals", "iam-mfa-yes-lower", "source-missing", "source-of-sign-in-unknown", "source-other"},
		// Root, and values that are no text or number, which a comparison does not match.
		"not counted": {
			"iam-mfaused-list", "iam-mfaused-object", "root-assume-root-false", "root-mfaused-missing", "root-mfaused-odd", "root-no-mfa", "root-saml", "rules-root-not-silenced", "fires-root-sign-in",
			"fires-sign-in-without-mfa-after-factor-removed--deleted-root", "fires-sign-in-without-mfa-after-factor-removed--root-device", "fires-sign-in-without-mfa-after-factor-removed--root",
		},
		// MFAUsed is not there, or no text: AWS does not say what != makes of it.
		"unknown": {
			"export-additional-braces", "export-additional-json-text", "export-additional-plain-text", "export-ambiguous-keys", "export-braces-cut-off", "export-braces-forged-bracket", "export-braces-forged-yes-folded",
			"export-braces-forged-yes", "export-braces-mfa", "export-braces-no-pairs", "iam-additional-data-null", "iam-mfa-true-bool", "iam-mfaused-missing", "iam-mfaused-null", "iam-mfaused-number",
			"iam-no-additional-data", "iam-no-mfa-false-bool", "rules-outcome-stays", "quiet-sign-in-after-failures--not-in", "quiet-sign-in-without-mfa-after-factor-removed--with-mfa",
		},
	},
	"sign-in-without-mfa precise": {
		// Spellings of yes that AWS never wrote; objects that an export turned into
		// text; a record of eventVersion 2.0, unreadable to the judge.
		"counted":     {"export-additional-json-text", "export-braces-mfa", "iam-mfa-true-text", "iam-mfa-yes-lower", "fires-root-sign-in"},
		"not counted": {"iam-mfaused-list", "iam-mfaused-object"},  // types that AWS never wrote
		"unknown":     {"iam-mfa-true-bool", "iam-mfaused-number"}, // the same
	},
	"root-use compat": {
		// Sessions of sts:AssumeRoot.
		"counted": {
			"root-assume-root-bool", "root-assume-root-text", "fires-mfa-deactivated-for-other--assume-root", "fires-root-login-profile-changed",
			"fires-sign-in-without-mfa-after-factor-removed--root", "quiet-root-login-profile-changed", "quiet-root-sign-in",
		},
		"not counted": {"identity-root-plain-text", "root-type-lower-case"}, // root by its ARN alone
	},
	"root-use precise": {
		"not counted": {"identity-root-plain-text", "root-type-lower-case"},
	},
	"iam-policy-changes compat": {"counted": {"failed iam"}},
	"trail-changes compat": {
		"counted": {"quiet-trail-bucket-set", "quiet-trail-deleted", "quiet-trail-narrowed", "quiet-trail-stopped", "failed cloudtrail", "other"},
	},
	"console-failures compat": {
		"counted": {"version-2-0-failed"}, // unreadable to the judge
		"not counted": { // another message, or none
			"iam-failed-control-characters", "iam-failed-hidden-name", "iam-failed-similar-message", "iam-failed-without-message",
			"fires-many-users-from-address--hidden", "fires-sign-in-after-failures-from-address--hidden", "quiet-sign-in-after-failures--hidden",
		},
	},
	"console-failures precise": {
		"counted":     {"iam-refused-capitals", "version-2-0-failed"}, // filters are case-sensitive; unreadable to the judge
		"not counted": {"iam-failed-without-message"},                 // the outcome in small letters
	},
	"key-changes compat":            {"counted": {"failed kms"}},
	"bucket-policy-changes compat":  {"counted": {"failed s3"}},
	"config-changes compat":         {"counted": {"failed config"}},
	"security-group-changes compat": {"counted": {"failed ec2", "other"}},
	"network-acl-changes compat":    {"counted": {"failed ec2", "other"}},
	"gateway-changes compat":        {"counted": {"failed ec2", "other"}},
	"route-table-changes compat":    {"counted": {"failed ec2"}},
	"vpc-changes compat":            {"counted": {"failed ec2", "other"}},
	"organization-changes compat":   {"counted": {"failed organizations"}},
}

func answers(t testing.TB, text string, cases []testcase, name func(testcase) bool) (differ map[string][]string, counted int) {
	t.Helper()
	f, err := pattern.ParseMetricFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	differ = map[string][]string{}
	for _, c := range cases {
		got := f.Match(c.raw)
		if got == pattern.Counted {
			counted++
		}
		file, _, _ := strings.Cut(c.name, "#")
		if want := map[bool]pattern.Answer{true: pattern.Counted, false: pattern.NotCounted}[name(c)]; got != want && !slices.Contains(differ[got.String()], file) {
			differ[got.String()] = append(differ[got.String()], file)
		}
	}
	return differ, counted
}

func TestFiltersCountWhatTheirNamesSay(t *testing.T) {
	cases := append(testcases(t), made(t)...)
	for _, f := range deployed.Filters() {
		for form, text := range map[string]string{"compat": f.Compat, "precise": f.Precise} {
			got, counted := answers(t, text, cases, names[f.ID])
			want := differences[f.ID+" "+form]
			if want == nil {
				want = map[string][]string{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s differs from its name (-want +got):\n%s", f.ID, form, diff)
			}
			if counted == 0 {
				t.Errorf("%s %s counts no case", f.ID, form)
			}
		}
	}
}

// made are calls of the filters' names: carried out, refused, and of another
// service.
func made(t testing.TB) []testcase {
	t.Helper()
	var all []testcase
	for key, events := range calls {
		service, _, _ := strings.Cut(key, " ")
		for _, event := range events {
			record := `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser"},"eventSource":"` + service + `.amazonaws.com","eventName":"` + event + `"`
			other := strings.Replace(record, service+".amazonaws.com", "other.amazonaws.com", 1)
			all = append(all, judged("done "+service, []byte(record+"}")), judged("failed "+service, []byte(record+`,"errorCode":"AccessDenied"}`)), judged("other", []byte(other+"}")))
		}
	}
	all = append(all, judged("refused", []byte(`{"eventName":"RunInstances","errorCode":"Client.UnauthorizedOperation"}`)))
	slices.SortFunc(all, func(a, b testcase) int { return strings.Compare(a.name, b.name) })
	return all
}

func TestFiltersAreDeployable(t *testing.T) {
	var defaults, seen []string
	for i, f := range deployed.Filters() {
		if f.Default {
			defaults = append(defaults, f.ID)
		}
		if slices.Contains(seen, f.ID) || slices.Contains(seen, f.Metric) || f.Section != i+1 || f.Threshold < 1 || f.Name == "" || names[f.ID] == nil {
			t.Errorf("%+v: a name given twice, a number out of order, or something missing", f)
		}
		if (f.Compat == f.Precise) != (f.CompatSays == "") {
			t.Errorf("%s: says %q of its compat form", f.ID, f.CompatSays)
		}
		seen = append(seen, f.ID, f.Metric)
	}
	if !slices.Equal(defaults, []string{"sign-in-without-mfa", "root-use"}) {
		t.Errorf("made by default: %v", defaults)
	}
}

func TestNumbersMoveWithTheBenchmark(t *testing.T) {
	want := map[string][]string{
		"sign-in-without-mfa":  {"3.2", "4.2", "4.2", "4.2", "4.2", "4.2", "4.2", "5.2", "5.2"},
		"vpc-changes":          {"3.14", "4.14", "4.14", "4.14", "4.14", "4.14", "4.14", "5.14", "5.14"},
		"organization-changes": {"", "4.15", "4.15", "4.15", "4.15", "4.15", "4.15", "5.15", "5.15"},
	}
	for _, f := range deployed.Filters() {
		var got []string
		for _, v := range deployed.Versions() {
			got = append(got, f.Number(v))
		}
		if w := want[f.ID]; w != nil && !slices.Equal(got, w) {
			t.Errorf("%s: numbers %v, want %v", f.ID, got, w)
		}
		if got := f.Number("9.9"); got != "" {
			t.Errorf("%s has the number %q in a version nobody knows", f.ID, got)
		}
	}
}
