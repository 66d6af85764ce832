package collect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

func gaps(reason string, facts ...audit.Fact) []audit.Gap {
	var all []audit.Gap
	for _, f := range facts {
		all = append(all, f.Gap("", reason))
	}
	return all
}

// Each permission that is missing is a gap that names it, and the rest is read.
func TestDeniedActions(t *testing.T) {
	details := []audit.Fact{audit.FactAccess, audit.FactGroups, audit.FactPolicies, audit.FactRoles, audit.FactTags}
	for action, want := range map[string][]audit.Gap{
		"iam:GenerateCredentialReport":       {{Fact: audit.FactCredentialReport, Action: "iam:GenerateCredentialReport", Reason: "AccessDenied"}},
		"iam:GetCredentialReport":            gaps("AccessDenied", audit.FactCredentialReport),
		"iam:GetAccountSummary":              gaps("AccessDenied", audit.FactAccountSummary),
		"iam:ListOrganizationsFeatures":      gaps("AccessDenied", audit.FactOrganization),
		"iam:ListVirtualMFADevices":          gaps("AccessDenied", audit.FactVirtualDevices),
		"iam:GetAccountAuthorizationDetails": gaps("AccessDenied", details...),
		"iam:ListMFADevices":                 gaps("AccessDenied", audit.FactMFADevices),
		"iam:GetMFADevice":                   gaps("AccessDenied", audit.FactCertifications),
		"iam:GetLoginProfile":                nil, // nobody is asked about a password
		"iam:ListAccessKeys":                 nil,
	} {
		for shape, fault := range map[string]fakeaws.Fault{
			"as IAM does":       fakeaws.Denied(action),
			"without a code":    {Action: action, Status: 403, Code: "AccessDenied", OffXML: true},
			"as others do":      {Action: action, Status: 403, Code: "AccessDeniedException"},
			"with another code": {Action: action, Status: 400, Code: "UnauthorizedOperation"},
		} {
			a := crowd(40)
			srv := frozen(a)
			srv.Fault(fault)
			s := readWhole(t, srv, a, collect.Options{})
			if diff := cmp.Diff(want, s.Gaps); diff != "" {
				t.Errorf("%s denied %s: gaps (-want +got):\n%s", action, shape, diff)
			}
			if s.Account != liveAccount || len(s.Users.Value) != 40 {
				t.Errorf("%s denied: account %q, %d users", action, s.Account, len(s.Users.Value))
			}
		}
	}
}

// Without a report everybody is asked about everything, and without the details
// the list of users tells whom.
func TestWhatStandsInForWhatIsDenied(t *testing.T) {
	a := crowd(10)
	srv := frozen(a)
	srv.Fault(fakeaws.Denied("iam:GetCredentialReport"))
	srv.Fault(fakeaws.Denied("iam:GetAccountAuthorizationDetails"))
	s := readWhole(t, srv, a, collect.Options{})
	want := map[string]int{"iam:ListMFADevices": 10, "iam:GetLoginProfile": 10, "iam:ListAccessKeys": 10, "iam:GetMFADevice": 6}
	if diff := cmp.Diff(want, singles(srv)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if s.Users.Call != "iam:ListUsers" || s.Users.Value[0].Access != nil || s.Users.Value[0].ID != a.Users[0].ID || !s.Users.Value[0].Created.Equal(a.Users[0].Created) {
		t.Errorf("users %+v", s.Users)
	}
	srv.Fault(fakeaws.DeniedByPolicy("iam:ListUsers", "service control policy"))
	s = readWhole(t, srv, a, collect.Options{})
	i := slices.IndexFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactUsers })
	if s.Users != nil || i < 0 || s.Gaps[i].Action != "iam:ListUsers" || !strings.HasSuffix(s.Gaps[i].Reason, "service control policy") || s.Account != liveAccount {
		t.Errorf("users %v, gaps %v", s.Users, s.Gaps)
	}
}

// AWS's messages name people and resources; the reason names the sort of policy.
func TestReasonsOfDenials(t *testing.T) {
	const who = "User: arn:aws:iam::111122223333:user/secret-name is not authorized to perform: iam:GetAccountSummary on resource: * "
	for message, want := range map[string]string{
		"":  "AccessDenied",
		who: "AccessDenied",
		who + "because no identity-based policy allows the iam:GetAccountSummary action":       "AccessDenied",
		who + "with an explicit deny in an identity-based policy":                              "AccessDenied: explicit deny in a policy of this kind: identity-based policy",
		who + "with an explicit deny in a service control policy: arn:aws:organizations::1:x":  "AccessDenied: explicit deny in a policy of this kind: service control policy",
		who + "because no service control policy allows the iam:GetAccountSummary action":      "AccessDenied: not allowed by this kind of policy: service control policy",
		who + "because no permissions boundary allows the iam:GetAccountSummary action":        "AccessDenied: not allowed by this kind of policy: permissions boundary",
		who + "because no session policy allows the iam:GetAccountSummary action":              "AccessDenied: not allowed by this kind of policy: session policy",
		who + "with an explicit deny in a resource control policy":                             "AccessDenied: explicit deny in a policy of this kind: resource control policy",
		who + "with an explicit deny":                                                          "AccessDenied: explicit deny",
		"To complete this action, please ensure that you are authenticated with an MFA device": "AccessDenied",
	} {
		a := crowd(1)
		srv := frozen(a)
		srv.Fault(fakeaws.Fault{Action: "iam:GetAccountSummary", Status: 403, Code: "AccessDenied", Message: message})
		if s := readWhole(t, srv, a, collect.Options{}); len(s.Gaps) != 1 || s.Gaps[0].Reason != want {
			t.Errorf("%q: gaps %v, want %q", message, s.Gaps, want)
		}
	}
}

// refuse stages a refusal of ListMFADevices for some users.
func refuse(srv *fakeaws.Server, a *fakeaws.Account, f fakeaws.Fault, users ...int) (want []audit.Gap) {
	reason := "AccessDenied"
	if f.Code != reason {
		reason = "ServiceFailure (HTTP 500)"
	}
	for _, i := range users {
		f.User = a.Users[i].Name
		srv.Fault(f)
		want = append(want, audit.FactMFADevices.Gap(a.Users[i].ID, reason))
	}
	return want
}

// holding are the first n users of a crowd who have a device: those whose number
// ends with 2, 3, 4, 7, 8, 9.
func holding(n int) []int {
	var all []int
	for i := 0; len(all) < n; i++ {
		if i%5 >= 2 {
			all = append(all, i)
		}
	}
	return all
}

// What is refused for some users is a gap for those and for nobody else, however
// many follow each other: a policy may deny one path, and whoever may write it
// would hide everybody.
func TestRefusedForSomeUsers(t *testing.T) {
	denied, broken := fakeaws.Denied("iam:ListMFADevices"), fakeaws.Broken("iam:ListMFADevices", 0)
	for name, c := range map[string]struct {
		fault fakeaws.Fault
		users []int
	}{
		"denied here and there":     {denied, []int{2, 4, 7, 99}},
		"three denied, the first":   {denied, []int{2, 3, 4}},
		"thirty denied, the first":  {denied, holding(30)},
		"three denied, the last":    {denied, []int{97, 98, 99}},
		"all denied but the last":   {denied, holding(59)},
		"all denied but the middle": {denied, slices.Concat(holding(30), holding(60)[31:])},
		"nineteen broken":           {broken, holding(60)[1:20]},
		"broken here and there":     {broken, slices.Concat(holding(16), holding(60)[20:36])},
	} {
		for latency := range 3 {
			a := crowd(100)
			srv := frozen(a)
			srv.Latency = time.Duration(latency) * 300 * time.Millisecond
			want := refuse(srv, a, c.fault, c.users...)
			s := readWhole(t, srv, a, collect.Options{})
			if diff := cmp.Diff(want, s.Gaps); diff != "" || len(lists(s)) != 60-len(c.users) {
				t.Errorf("%s: %d lists, gaps (-want +got):\n%s", name, len(lists(s)), diff)
			}
			tries := 1
			if c.fault.Code != "AccessDenied" {
				tries = 3
			}
			if got, want := srv.Counts()["iam:ListMFADevices"], 60+(tries-1)*len(c.users); got != want {
				t.Errorf("%s: ListMFADevices was called %d times, want %d", name, got, want)
			}
		}
	}
}

// A call that nobody answers is given up: soon where it is denied, later where it
// fails. While one user's call is tried again, others are asked.
func TestRefusedForEverybody(t *testing.T) {
	for name, c := range map[string]struct {
		fault       fakeaws.Fault
		users       []int // nil: all
		reason      string
		known       int // lists
		least, most int // calls
	}{
		"denied":                       {fakeaws.Denied("iam:ListMFADevices"), nil, "AccessDenied", 0, 3, 5},
		"broken":                       {fakeaws.Broken("iam:ListMFADevices", 0), nil, "ServiceFailure (HTTP 500)", 0, 60, 100},
		"throttled":                    {fakeaws.Throttled("iam:ListMFADevices", 0), nil, "throttled", 0, 160, 260},
		"broken after some had answer": {fakeaws.Broken("iam:ListMFADevices", 0), holding(60)[5:59], "ServiceFailure (HTTP 500)", 6, 60, 110},
	} {
		for latency := range 3 {
			a := crowd(100)
			srv := frozen(a)
			srv.Latency = time.Duration(latency) * 300 * time.Millisecond
			if srv.Fault(c.fault); c.users != nil {
				srv.Mend()
				refuse(srv, a, c.fault, c.users...)
			}
			s := readWhole(t, srv, a, collect.Options{})
			if diff := cmp.Diff(gaps(c.reason, audit.FactMFADevices), s.Gaps); diff != "" || len(lists(s)) != c.known {
				t.Errorf("%s: %d lists, want %d, gaps (-want +got):\n%s", name, len(lists(s)), c.known, diff)
			}
			if n := srv.Counts()["iam:ListMFADevices"]; n < c.least || n > c.most {
				t.Errorf("%s: ListMFADevices was called %d times, want %d to %d", name, n, c.least, c.most)
			}
		}
	}
}

// What was answered before an interruption counts.
func TestDeniedAfterAnInterruption(t *testing.T) {
	a := crowd(100)
	srv := frozen(a)
	half, err := readingUntil(t, interruptAt(srv, "iam:ListMFADevices", 30), srv, a, collect.Options{})
	if err == nil {
		t.Fatal("not interrupted")
	}
	srv.Before = nil
	srv.Fault(fakeaws.Denied("iam:ListMFADevices"))
	s := readWhole(t, srv, a, collect.Options{Resume: again(t, half)})
	own := 0
	for _, g := range s.Gaps {
		if g.Fact == audit.FactMFADevices && g.Subject != "" {
			own++
		}
	}
	if known := len(lists(s)); known != len(lists(half)) || own != 60-known {
		t.Errorf("%d lists of %d before, %d gaps of single users, want %d", known, len(lists(half)), own, 60-known)
	}
}

// Where no question is allowed there is nothing to report, and one thing to do.
func TestNothingAllowed(t *testing.T) {
	const want = "no call is allowed to these credentials: see 'mfawatch audit --print-policy'; a service control policy may deny"
	for name, c := range map[string]struct {
		but  string // what is allowed
		want string
	}{
		"nothing":            {"", want},
		"the features alone": {"iam:ListOrganizationsFeatures", want}, // they name no account
		"the summary":        {"iam:GetAccountSummary", "sts:GetCallerIdentity: AccessDenied"},
		"the users":          {"iam:ListUsers", ""},
		"the caller":         {"sts:GetCallerIdentity", ""},
	} {
		a := crowd(3)
		srv := frozen(a)
		if c.but != "" {
			srv.Fault(fakeaws.Fault{Action: c.but, After: 1 << 30})
		}
		for _, action := range append(allowedActions(t, collect.Policy()), "sts:GetCallerIdentity") {
			if action != c.but {
				srv.Fault(fakeaws.Denied(action))
			}
		}
		s, err := reading(t, srv, a, collect.Options{})
		if got := fmt.Sprint(err); c.want != "" && (got != c.want || s.Account != "") || c.want == "" && (err != nil || s.Account != liveAccount) {
			t.Errorf("%s: account %q, error %v, want %q", name, s.Account, err, c.want)
		}
	}
}

// The same holds for security keys: of one user or of several.
func TestDeniedCertifications(t *testing.T) {
	a := fakeaws.NewAccount(liveAccount)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		a.User(name).Devices = []fakeaws.Device{a.FIDO(name, "one", nil), a.FIDO(name, "two", nil)}
	}
	srv := frozen(a)
	f := fakeaws.Denied("iam:GetMFADevice")
	f.User = "b"
	srv.Fault(f)
	s := readWhole(t, srv, a, collect.Options{})
	want := []audit.Gap{audit.FactCertifications.Gap(a.Users[1].Devices[0].Serial, "AccessDenied"), audit.FactCertifications.Gap(a.Users[1].Devices[1].Serial, "AccessDenied")}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	f.User = ""
	srv.Fault(f)
	for latency := range 3 {
		srv.Reset()
		srv.Latency = time.Duration(latency) * 300 * time.Millisecond
		s = readWhole(t, srv, a, collect.Options{})
		if diff := cmp.Diff(gaps("AccessDenied", audit.FactCertifications), s.Gaps); diff != "" || len(lists(s)) != 5 {
			t.Errorf("%d lists, gaps (-want +got):\n%s", len(lists(s)), diff)
		}
		if n := srv.Counts()["iam:GetMFADevice"]; n < 3 || n > 5 {
			t.Errorf("GetMFADevice was called %d times", n)
		}
	}
}

// Whom an organisation's features may be asked of, and what its refusals mean.
func TestOrganizationFeatures(t *testing.T) {
	refusal := func(code string) fakeaws.Fault {
		return fakeaws.Fault{Action: "iam:ListOrganizationsFeatures", Status: 400, Code: code, Message: "x"}
	}
	for code, want := range map[string]string{
		"OrganizationNotFoundException": "", "OrganizationNotFound": "",
		"AccountNotManagementOrDelegatedAdministratorException": "only the management account and a delegated administrator may ask",
		"OrganizationNotInAllFeaturesModeException":             "OrganizationNotInAllFeaturesModeException (HTTP 400)",
		"ServiceAccessNotEnabledException":                      "ServiceAccessNotEnabledException (HTTP 400)",
	} {
		a := crowd(1)
		srv := frozen(a)
		srv.Fault(refusal(code))
		s := readWhole(t, srv, a, collect.Options{})
		if want == "" && (s.Organization == nil || s.Organization.Value.OrganizationID != "" || len(s.Gaps) != 0) {
			t.Errorf("%s: %v, gaps %v, want no organisation", code, s.Organization, s.Gaps)
		}
		if diff := cmp.Diff(gaps(want, audit.FactOrganization), s.Gaps); want != "" && diff != "" {
			t.Errorf("%s: gaps (-want +got):\n%s", code, diff)
		}
	}
	a := crowd(1)
	srv := frozen(a)
	srv.Organization = fakeaws.NewOrganization(liveAccount)
	srv.Organization.Features = []string{"RootSessions", "RootCredentialsManagement"}
	s := readWhole(t, srv, a, collect.Options{})
	want := audit.OrganizationFeatures{OrganizationID: "o-exampleorgid", Enabled: []string{"RootCredentialsManagement", "RootSessions"}}
	if diff := cmp.Diff(want, s.Organization.Value); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
}

// Refusals that pass are tried again; those that do not are gaps.
func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		fault fakeaws.Fault
		calls int
		want  []audit.Gap
	}{
		"throttled for a while": {fakeaws.Throttled("iam:GetAccountSummary", 7), 8, nil},
		"throttled for ever":    {fakeaws.Throttled("iam:GetAccountSummary", 0), 8, gaps("throttled", audit.FactAccountSummary)},
		"other code":            {fakeaws.Fault{Action: "iam:GetAccountSummary", Status: 400, Code: "RequestLimitExceeded", Times: 4}, 5, nil},
		"broken for a while":    {fakeaws.Broken("iam:GetAccountSummary", 2), 3, nil},
		"broken":                {fakeaws.Broken("iam:GetAccountSummary", 0), 3, gaps("ServiceFailure (HTTP 500)", audit.FactAccountSummary)},
		"not implemented":       {fakeaws.Fault{Action: "iam:GetAccountSummary", Status: 501, OffXML: true}, 1, gaps("HTTP 501", audit.FactAccountSummary)},
		"a wrong question":      {fakeaws.Fault{Action: "iam:GetAccountSummary", Status: 400, Code: "ValidationError"}, 1, gaps("ValidationError (HTTP 400)", audit.FactAccountSummary)},
	} {
		a := crowd(1)
		srv := frozen(a)
		srv.Fault(c.fault)
		s := readWhole(t, srv, a, collect.Options{})
		if diff := cmp.Diff(c.want, s.Gaps); diff != "" || srv.Counts()["iam:GetAccountSummary"] != c.calls {
			t.Errorf("%s: %d calls, want %d, gaps (-want +got):\n%s", name, srv.Counts()["iam:GetAccountSummary"], c.calls, diff)
		}
	}
}

// Hundreds of calls that are throttled now and then are no outage.
func TestThrottledNowAndThen(t *testing.T) {
	a := crowd(1000)
	srv := frozen(a)
	for i := range 12 { // far apart: nobody is refused eight times, however the workers take turns
		f := fakeaws.Throttled("iam:ListMFADevices", 2)
		f.After = 50 * i
		srv.Fault(f)
	}
	s := readWhole(t, srv, a, collect.Options{})
	if n := srv.Counts()["iam:ListMFADevices"]; len(s.Gaps) != 0 || len(lists(s)) != 600 || n != 624 {
		t.Errorf("%d lists in %d calls, gaps %v", len(lists(s)), n, s.Gaps)
	}
}

// A report that is not ready, and what AWS answers then.
func TestReportThatTakesItsTime(t *testing.T) {
	notReady := gaps("not ready after 2m", audit.FactCredentialReport)
	for name, c := range map[string]struct {
		report   fakeaws.Report
		fault    fakeaws.Fault
		gen, get int
		want     []audit.Gap
	}{
		"ready":              {fakeaws.Report{}, fakeaws.Fault{}, 1, 1, nil},
		"five polls":         {fakeaws.Report{Polls: 5}, fakeaws.Fault{}, 6, 1, nil},
		"never":              {fakeaws.Report{Never: true}, fakeaws.Fault{}, -1, 0, notReady},
		"gone at once":       {fakeaws.Report{Refuse: []string{"ReportNotPresent", "ReportInProgress", "ReportExpired"}}, fakeaws.Fault{}, 4, 4, nil},
		"with the suffix":    {fakeaws.Report{Refuse: []string{"ReportNotPresentException"}}, fakeaws.Fault{}, 2, 2, nil},
		"always gone":        {fakeaws.Report{Refuse: slices.Repeat([]string{"ReportExpired"}, 1000)}, fakeaws.Fault{}, -1, -1, notReady},
		"too many reports":   {fakeaws.Report{}, fakeaws.Fault{Action: "iam:GenerateCredentialReport", Status: 409, Code: "LimitExceeded", Times: 3}, 4, 1, nil},
		"always too many":    {fakeaws.Report{}, fakeaws.Fault{Action: "iam:GenerateCredentialReport", Status: 409, Code: "LimitExceeded"}, -1, 0, notReady},
		"broken while being": {fakeaws.Report{Polls: 2}, fakeaws.Fault{Action: "iam:GenerateCredentialReport", Status: 400, Code: "Odd", After: 1}, 2, 0, []audit.Gap{{Fact: audit.FactCredentialReport, Action: "iam:GenerateCredentialReport", Reason: "Odd (HTTP 400)"}}},
	} {
		a := crowd(1)
		a.Report = c.report
		srv := frozen(a)
		if c.fault.Code != "" {
			srv.Fault(c.fault)
		}
		s := readWhole(t, srv, a, collect.Options{})
		gen, get := srv.Counts()["iam:GenerateCredentialReport"], srv.Counts()["iam:GetCredentialReport"]
		if diff := cmp.Diff(c.want, s.Gaps); diff != "" || c.gen >= 0 && gen != c.gen || c.get >= 0 && get != c.get || gen > 40 {
			t.Errorf("%s: asked %d times, fetched %d times, want %d and %d, gaps (-want +got):\n%s", name, gen, get, c.gen, c.get, diff)
		}
	}
}

func TestReportThatCannotBeRead(t *testing.T) {
	a := crowd(1)
	a.Report.Cell = func(column, text string) string {
		if column == "user" {
			return "<root_account>"
		}
		return text
	}
	s := readWhole(t, frozen(a), a, collect.Options{})
	want := gaps(`credential report: line 3, column 1: user "<root_account>" is on line 2 already`, audit.FactCredentialReport)
	if diff := cmp.Diff(want, s.Gaps); diff != "" || s.Users.Value[0].LoginProfile == nil {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// roundTripper answers requests.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Where AWS cannot be asked at all there is no snapshot, and the error says what
// to do, in one line.
func TestNobodyToAsk(t *testing.T) {
	fails := func(err error) aws.Config {
		cfg := asAuditor(fakeaws.New(), fakeaws.NewAccount(liveAccount))
		cfg.HTTPClient = &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })}
		return cfg
	}
	answers := func(code string) aws.Config {
		a := crowd(1)
		srv := frozen(a)
		srv.Fault(fakeaws.Fault{Status: 403, Code: code, Message: "The security token of AKIASECRET"})
		return asAuditor(srv, a)
	}
	without := asAuditor(fakeaws.New(), crowd(1))
	without.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	empty := asAuditor(fakeaws.New(), crowd(1))
	empty.Credentials = credentials.NewStaticCredentialsProvider("", "", "")
	refusedRole := asAuditor(frozen(crowd(1)), crowd(1))
	refusedRole.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(refusedRole), "arn:aws:iam::111122223333:role/nobody")
	for name, c := range map[string]struct {
		cfg  aws.Config
		want string
	}{
		"no credentials":       {without, "no usable AWS credentials: sign in or name a profile (no EC2 IMDS role found)"},
		"empty credentials":    {empty, "no usable AWS credentials: sign in or name a profile"},
		"a refused role":       {refusedRole, "no usable AWS credentials: sign in or name a profile"},
		"expired":              {answers("ExpiredToken"), "the credentials have expired (ExpiredToken): sign in again"},
		"unknown key":          {answers("InvalidClientTokenId"), "AWS does not know these credentials (InvalidClientTokenId): check the access key, the profile"},
		"unrecognised":         {answers("UnrecognizedClientException"), "AWS does not know these credentials"},
		"wrong secret":         {answers("SignatureDoesNotMatch"), "AWS does not take the time of this signature, or the secret key (SignatureDoesNotMatch): check the secret key, and set this machine's clock"},
		"no address":           {fails(&net.DNSError{Name: "iam.nowhere.example", Err: "no such host"}), "iam.nowhere.example has no address: check the network, the Region and the endpoint"},
		"nobody answers":       {fails(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "AWS cannot be reached: check the network, the proxy, the Region and the endpoint (connection refused)"},
		"a strange connection": {fails(errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority")), "no safe connection: check the proxy and AWS_CA_BUNDLE"},
	} {
		synctest.Test(t, func(*testing.T) {
			saved := 0
			s, err := collect.Account(context.Background(), c.cfg, collect.Options{Now: atNoon, Checkpoint: func(audit.Snapshot) error { saved++; return nil }})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "SECRET") || !strings.HasPrefix(err.Error(), "iam:") {
				t.Errorf("%s: error %v, want %s", name, err, c.want)
			}
			if s.Account != "" || saved != 0 {
				t.Errorf("%s: a snapshot of account %q, saved %d times", name, s.Account, saved)
			}
		})
	}
}

// A list that is cut off without a marker is not taken for the whole.
func TestListsThatBreakOff(t *testing.T) {
	for name, mangle := range map[string]func(string) string{
		"no marker": func(s string) string { return regexp.MustCompile("<Marker>.*?</Marker>").ReplaceAllString(s, "") },
		"always the marker": func(s string) string {
			return regexp.MustCompile("<Marker>.*?</Marker>").ReplaceAllString(s, "<Marker>1</Marker>")
		},
	} {
		a := crowd(20)
		srv := frozen(a)
		srv.PageSize = 5
		direct := srv.Client().Transport
		cfg := asAuditor(srv, a)
		cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := direct.RoundTrip(r)
			if err == nil {
				body, _ := io.ReadAll(answer.Body)
				answer.Body = io.NopCloser(strings.NewReader(mangle(string(body))))
			}
			return answer, err
		})}
		synctest.Test(t, func(*testing.T) {
			s, err := collect.Account(context.Background(), cfg, collect.Options{Now: atNoon})
			if s.Users != nil || s.VirtualDevices != nil || err != nil || len(s.Gaps) != 7 || s.Gaps[0].Reason != "the list is cut off without a way to go on" {
				t.Errorf("%s: error %v, users %v, gaps %v", name, err, s.Users, s.Gaps)
			}
		})
	}
}

// Answers that are none are gaps.
func TestAnswersThatCannotBeRead(t *testing.T) {
	a := crowd(3)
	srv := frozen(a)
	direct := srv.Client().Transport
	cfg := asAuditor(srv, a)
	cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := direct.RoundTrip(r)
		if err == nil && answer.Header.Get("Content-Type") != "" {
			body, _ := io.ReadAll(answer.Body)
			answer.Body = io.NopCloser(strings.NewReader(strings.Replace(string(body), "<GetAccountSummaryResult>", "<html>", 1)))
		}
		return answer, err
	})}
	synctest.Test(t, func(*testing.T) {
		s, err := collect.Account(context.Background(), cfg, collect.Options{Now: atNoon})
		if diff := cmp.Diff(gaps("the answer cannot be read", audit.FactAccountSummary), s.Gaps); diff != "" || err != nil {
			t.Errorf("error %v, gaps (-want +got):\n%s", err, diff)
		}
	})
}
