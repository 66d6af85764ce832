package alert_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/alert"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
)

var (
	at    = time.Date(2026, 11, 20, 8, 14, 3, 0, time.UTC)
	names = alert.Names{"111122223333": "prod"}
	ada   = audit.Principal{Kind: audit.IAMUser, Name: "ada", ID: "AIDAEXAMPLE", ARN: "arn:aws:iam::111122223333:user/ada"}
	root  = audit.Principal{Kind: audit.Root, Name: "root", ID: "111122223333", ARN: "arn:aws:iam::111122223333:root"}
)

func verdict(change ...func(*signin.Verdict)) signin.Verdict {
	v := signin.Verdict{
		Type: "verdict", EventID: "2b1d0a3c-0000-4000-8000-000000000001", Time: at, Account: "111122223333", Region: "eu-north-1", Event: "ConsoleLogin",
		Principal: ada, Outcome: audit.Fail, Reason: signin.ReasonNoMFA, Severity: audit.High, Alert: true,
		MFA: signin.MFA{Used: "no", Factor: audit.UnknownFactor}, SourceIP: "192.0.2.7", UserAgent: "Mozilla/5.0",
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

func ofVerdict(change ...func(*signin.Verdict)) alert.Alert {
	return alert.OfVerdict(verdict(change...), names)
}

func detection(id string, p audit.Principal, s audit.Severity) detect.Detection {
	return detect.Detection{
		Type: "detection", ID: id, Time: at, Account: "111122223333", Region: "us-east-1", Principal: p, Severity: s, Alert: true,
		Attack: []string{"T1556.006"}, Detail: "what happened", SourceIP: "192.0.2.7", Events: []string{"first-event", "last-event"}, Target: "bob",
	}
}

// The whole text, once, as it arrives.
func TestTextOfASignIn(t *testing.T) {
	want := `HIGH: "ada" signed in without MFA

Account:  prod (111122223333)
Who:      IAM user "ada", id AIDAEXAMPLE
When:     2026-11-20 08:14:03 UTC
From:     192[.]0[.]2[.]7
Region:   eu-north-1
Factor:   MISSING: no second factor was used

What to do now:
1. Ask them, by telephone or in person and not by replying to a message, whether it was them.
2. Not them, or no answer: delete their login profile (console password) and make their access keys inactive. A session that is open lasts up to 12 hours: attach AWSDenyAll.
3. It was them: have them register an MFA device today.
4. Look through CloudTrail at what this principal did since.

Event: 2b1d0a3c-0000-4000-8000-000000000001
Look at it (with credentials of that account):
aws cloudtrail lookup-events --region eu-north-1 --lookup-attributes AttributeKey=EventId,AttributeValue=2b1d0a3c-0000-4000-8000-000000000001
Evidence: s3://evidence/x.json
Reason no-mfa, alert 111122223333#2b1d0a3c-0000-4000-8000-000000000001
`
	a := ofVerdict()
	a.Evidence = "s3://evidence/x.json"
	if diff := cmp.Diff(want, a.Text()); diff != "" {
		t.Errorf("Text() (-want +got):\n%s", diff)
	}
}

func TestSubjects(t *testing.T) {
	long := strings.Repeat("very-long-name-", 20)
	for _, c := range []struct {
		name string
		a    alert.Alert
		want string
	}{
		{"a user", ofVerdict(), `HIGH prod: "ada" signed in without MFA`},
		{"an account without a name", alert.OfVerdict(verdict(), nil), `HIGH 111122223333: "ada" signed in without MFA`},
		{"no account", ofVerdict(func(v *signin.Verdict) { v.Account = "" }), `HIGH account unknown: "ada" signed in without MFA`},
		{"root", ofVerdict(func(v *signin.Verdict) { v.Principal, v.Severity = root, audit.Critical }), `CRITICAL prod: root signed in without MFA`},
		{"root is not who is called root", ofVerdict(func(v *signin.Verdict) { v.Principal.Name = "root" }), `HIGH prod: "root" signed in without MFA`},
		{"nobody", ofVerdict(func(v *signin.Verdict) { v.Principal = audit.Principal{} }), `HIGH prod: somebody signed in without MFA`},
		{"an unreadable record", ofVerdict(func(v *signin.Verdict) { v.Reason = signin.ReasonUnreadable }), `HIGH prod: a sign-in record that cannot be read`},
		{"not ASCII", ofVerdict(func(v *signin.Verdict) { v.Principal.Name = "Zoë\u202e\n" }), `HIGH prod: "Zo???" signed in without MFA`},
		{"a long name", ofVerdict(func(v *signin.Verdict) { v.Principal.Name = long }), `HIGH prod: "very-long-name-very-long-name-very-lon.." signed in without MFA`},
		{"raised", raised(), `HIGH prod: "ada" signed in without MFA (was: mfa-not-recorded)`},
		{"a detection", alert.OfDetection(detection("trail-stopped", ada, audit.Critical), names), `CRITICAL prod: "ada" stopped a CloudTrail trail`},
		{"many actors", alert.OfDetection(detection("many-users-from-address", ada, audit.High), names), `HIGH prod: one address tried to sign in as many users`},
		{"an id never met", alert.OfDetection(detection("new-thing\n", ada, audit.High), names), `HIGH prod: new-thing?`},
		{"silence", alert.OfSilence("111122223333", "eu-north-1", "2026-11-20T08", at, at, names), `HIGH prod: CloudTrail records are missing`},
		{"canary", alert.OfCanary("111122223333", "eu-north-1", "n1", at, names), `INFO prod: the way of an alert was tried`},
		{"watchdog", alert.OfWatchdog("111122223333", "eu-north-1", []string{"x"}, at, names), `HIGH prod: the monitor itself is not as it was deployed`},
		{"digest", alert.DigestOf([]alert.Alert{ofVerdict(), ofVerdict(id("e2"))})[0], `HIGH prod: "ada" signed in without MFA: 2 more`},
	} {
		if got := c.a.Subject(); got != c.want {
			t.Errorf("%s: Subject() = %q, want %q", c.name, got, c.want)
		}
	}
}

func id(s string) func(*signin.Verdict) { return func(v *signin.Verdict) { v.EventID = s } }

func raised() alert.Alert {
	a := ofVerdict()
	a.Previous = "mfa-not-recorded"
	return a
}

// Whatever a record holds, what is sent fits and says the severity first.
func TestWhatIsSentFits(t *testing.T) {
	for name, text := range map[string]string{
		"long": strings.Repeat("x", 300_000), "wide": strings.Repeat("漢", 100_000), "control": strings.Repeat("\x00\u202e\n\"\\", 50_000),
		"dots": strings.Repeat("a.b@", 100_000), "broken": strings.Repeat("\xff\xfe", 100_000), "quotes": strings.Repeat(`"`, 100_000), "empty": "",
	} {
		a := alert.OfVerdict(signin.Verdict{
			EventID: text, Account: text, Region: text, Event: text, Principal: audit.Principal{Name: text, ID: text, ARN: text},
			Reason: signin.Reason(text[:min(len(text), 40)]), Detail: text, MFA: signin.MFA{Used: "yes", Device: text}, SourceIP: text, UserAgent: text,
		}, names)
		m := a.Message()
		if len(m.Subject) >= 100 || !strings.HasPrefix(m.Subject, "INFO ") {
			t.Errorf("%s: subject %q", name, m.Subject)
		}
		for _, r := range m.Subject + a.SMS() {
			if r < ' ' || r > '~' {
				t.Errorf("%s: %q in the subject or SMS", name, r)
			}
		}
		if m.Size() > alert.Limit || len(a.SMS()) > 306 || len(a.ID) > 200 || len(a.EvidenceKey()) > 400 {
			t.Errorf("%s: message %d, SMS %d, id %d, key %d bytes", name, m.Size(), len(a.SMS()), len(a.ID), len(a.EvidenceKey()))
		}
		if back, err := alert.Parse(a.JSON()); err != nil || back.ID != a.ID {
			t.Errorf("%s: JSON comes back as %q (error %v)", name, back.ID, err)
		}
		for k, v := range m.Attributes {
			if v == "" {
				t.Errorf("%s: attribute %s is empty, which SNS refuses", name, k)
			}
		}
	}
}

// A name never becomes a link, a mention or a line of its own.
func TestNamesAreDefanged(t *testing.T) {
	for given, want := range map[string]string{
		"ada":                                    `"ada"`,
		"ada.lovelace":                           `"ada[.]lovelace"`,
		"ada@example.com":                        `"ada[at]example[.]com"`,
		"http://evil.example/x":                  `"hxxp[:]//evil[.]example/x"`,
		"HTTPS://EVIL.EXAMPLE":                   `"hxxpS[:]//EVIL[.]EXAMPLE"`,
		"ftp://evil.example":                     `"ftp[:]//evil[.]example"`,
		"www.evil.example":                       `"www[.]evil[.]example"`,
		"a.b.c.d":                                `"a[.]b[.]c[.]d"`,
		"10.0.0.1/login":                         `"10[.]0[.]0[.]1/login"`,
		"evil。example":                           `"evil[.]example"`,
		"mailto:x@y.z":                           `"mailto:x[at]y[.]z"`,
		"[click](evil.example)":                  `"[click] (evil[.]example)"`,
		"<!channel> <@U1>":                       `"(!channel) ([at]U1)"`,
		"call +1 800 555":                        `"call [+]1 800 555"`,
		"a\r\nFrom: b":                           `"a??From: b"`,
		"x\" was here, \"y":                      `"x' was here, 'y"`,
		"http:evil.example":                      `"hxxp[:]evil[.]example"`,
		"a..b":                                   `"a[.]b"`,
		"пример.рф":                              `"??????[.]??"`,
		"ARN arn:aws:iam::111122223333:user/ada": `"ARN arn:aws:iam::111122223333:user/ada"`,
	} {
		a := ofVerdict(func(v *signin.Verdict) { v.Principal.Name = given })
		prefix, suffix := "HIGH prod: ", " signed in without MFA"
		if got := strings.TrimSuffix(strings.TrimPrefix(a.Subject(), prefix), suffix); got != want {
			t.Errorf("the name %q is shown as %s, want %s", given, got, want)
		}
	}
}

// Every field that somebody else may choose, in every form that a person reads.
func TestNoLinkInWhatPeopleRead(t *testing.T) {
	evil := "https://evil.example/x"
	a := alert.OfVerdict(signin.Verdict{
		EventID: evil, Account: evil, Region: evil, Event: evil, Principal: audit.Principal{Kind: audit.IAMUser, Name: evil, ID: evil, ARN: evil},
		Reason: signin.Reason(evil), Detail: evil, MFA: signin.MFA{Used: "yes", Device: evil}, SourceIP: evil, UserAgent: evil,
	}, alert.Names{evil: evil})
	a.Previous = evil
	d := alert.OfDetection(detect.Detection{ID: evil, Account: evil, Detail: evil, Target: evil, Events: []string{evil}, SourceIP: evil}, nil)
	for name, a := range map[string]alert.Alert{"sign-in": a, "detection": d, "digest": alert.DigestOf([]alert.Alert{a})[0]} {
		var protocols map[string]string
		if err := json.Unmarshal([]byte(a.Message().Body), &protocols); err != nil {
			t.Fatal(err)
		}
		var chat struct{ Content, Metadata any }
		if err := json.Unmarshal([]byte(protocols["https"]), &chat); err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{"email": protocols["email"], "email-json": protocols["email-json"], "sms": protocols["sms"], "subject": a.Subject(), "chat": fmt.Sprint(chat)} {
			if text == "" || strings.Contains(text, "https:") || strings.Contains(text, "evil.example") {
				t.Errorf("%s, %s has a link: %s", name, form, text)
			}
		}
	}
}

// A command is pasted into a terminal.
func TestCommand(t *testing.T) {
	for _, c := range []struct {
		event, region string
		want          bool
	}{
		{"2b1d0a3c-0000-4000-8000-000000000001", "eu-north-1", true},
		{"e1", "us-gov-west-1", true},
		{"e1; rm -rf ~", "eu-north-1", false},
		{"$(x)", "eu-north-1", false},
		{"e1", "eu-north-1; x", false},
		{"e1", "", false},
		{"", "eu-north-1", false},
		{strings.Repeat("e", 64), "eu-north-1", true},
		{strings.Repeat("e", 65), "eu-north-1", false},
	} {
		got := ofVerdict(func(v *signin.Verdict) { v.EventID, v.Region = c.event, c.region }).Command()
		if (got != "") != c.want || c.want && !strings.HasSuffix(got, "AttributeValue="+c.event) {
			t.Errorf("event %q in %q: command %q, want one: %v", c.event, c.region, got, c.want)
		}
	}
}

func TestIDs(t *testing.T) {
	record := []byte(`{"x":1}`)
	for _, c := range []struct {
		name, got, want string
	}{
		{"a sign-in", ofVerdict().ID, "111122223333#2b1d0a3c-0000-4000-8000-000000000001"},
		{"a detection goes by its last event", alert.OfDetection(detection("trail-stopped", ada, 0), nil).ID, "111122223333#last-event#trail-stopped"},
		{"a correction goes by what it corrects", alert.OfRecord(record, signin.Event{ID: "new", AddendumTo: "old"}, verdict(id("new")), nil).ID, "111122223333#old"},
		{"80 characters", ofVerdict(id(strings.Repeat("a", 80))).ID, "111122223333#" + strings.Repeat("a", 80)},
		{"no account", ofVerdict(func(v *signin.Verdict) { v.Account = "" }).ID, "unknown#2b1d0a3c-0000-4000-8000-000000000001"},
	} {
		if c.got != c.want {
			t.Errorf("%s: id %s, want %s", c.name, c.got, c.want)
		}
	}
	for _, pair := range [][2]alert.Alert{
		{ofVerdict(id("a#b")), ofVerdict(id("a"))},
		{ofVerdict(id("a/b")), ofVerdict(id("a.b"))},
		{ofVerdict(id(strings.Repeat("a", 81))), ofVerdict(id(strings.Repeat("a", 82)))},
		{ofVerdict(id("x-" + strings.Repeat("0", 32))), ofVerdict(id("0"))},
		{ofVerdict(id("")), ofVerdict(id(""), func(v *signin.Verdict) { v.SourceIP = "192.0.2.8" })},
		{alert.OfRecord([]byte("1"), signin.Event{}, verdict(id("")), nil), alert.OfRecord([]byte("2"), signin.Event{}, verdict(id("")), nil)},
		{alert.OfDetection(detection("a", ada, 0), nil), alert.OfDetection(detection("b", ada, 0), nil)},
	} {
		if pair[0].ID == pair[1].ID || strings.Count(pair[0].ID, "#") != strings.Count(pair[1].ID, "#") {
			t.Errorf("ids %s and %s: want two, of the same form", pair[0].ID, pair[1].ID)
		}
	}
	if long := ofVerdict(id(strings.Repeat("a", 81))).ID; !strings.HasPrefix(long, "111122223333#x-") {
		t.Errorf("81 characters: id %s, want a hash", long)
	}
	same := alert.OfRecord(record, signin.Event{}, verdict(id(""), func(v *signin.Verdict) { v.Seen, v.Origin = 1, "a.json.gz" }), nil)
	if other := alert.OfRecord(record, signin.Event{}, verdict(id("")), nil); same.ID != other.ID {
		t.Errorf("the same record has two ids: %s and %s", same.ID, other.ID)
	}
}

// What is worse has the higher rank, and nothing has the rank of nothing.
func TestRank(t *testing.T) {
	with := func(s audit.Severity, o audit.Outcome) alert.Alert {
		return ofVerdict(func(v *signin.Verdict) { v.Severity, v.Outcome = s, o })
	}
	order := []alert.Alert{
		with(audit.Info, audit.NotApplicable), with(audit.Info, audit.Pass), with(audit.Info, audit.Unknown), with(audit.Info, audit.Fail),
		with(audit.Low, audit.NotApplicable), with(audit.Medium, audit.Unknown), with(audit.High, audit.Unknown), with(audit.High, audit.Fail), with(audit.Critical, audit.Pass),
	}
	for i, a := range order {
		if a.Rank() <= 0 || i > 0 && a.Rank() <= order[i-1].Rank() {
			t.Errorf("rank %d of %s %s is not above the one before", a.Rank(), a.Severity, a.Outcome)
		}
	}
}

// Every reason and every check has its words and its steps, and both fit a
// telephone.
func TestEveryReasonHasWordsAndSteps(t *testing.T) {
	var alerts []alert.Alert
	for _, kind := range audit.PrincipalKinds() {
		p := audit.Principal{Kind: kind, Name: "somebody-with-a-name"}
		for _, r := range signin.Reasons() {
			alerts = append(alerts, ofVerdict(func(v *signin.Verdict) { v.Reason, v.Principal = r, p }))
		}
		for _, c := range detect.Checks() {
			alerts = append(alerts, alert.OfDetection(detection(c.ID, p, c.Severity), names))
		}
	}
	unknown := alert.OfDetection(detection("never-met", ada, 0), names)
	for _, a := range alerts {
		if strings.Contains(a.Subject(), a.Reason+"") && strings.Contains(a.Reason, "-") && a.Reason != "second-factor" {
			t.Errorf("%s has no words: %s", a.Reason, a.Subject())
		}
		if n := len(a.WhatToDo); n < 1 || n > 4 {
			t.Errorf("%s for %s: %d steps", a.Reason, a.Principal.Kind, n)
		}
		if a.Kind == alert.Detection && slices.Equal(a.WhatToDo, unknown.WhatToDo) {
			t.Errorf("%s has no steps of its own", a.Reason)
		}
		for _, s := range a.WhatToDo {
			if len(s) > 240 || s == "" {
				t.Errorf("%s: a step of %d characters: %s", a.Reason, len(s), s)
			}
		}
	}
}

func TestStepsFitWhoItWas(t *testing.T) {
	for _, c := range []struct {
		name string
		a    alert.Alert
		want string // in the steps
		not  string
	}{
		{"root", ofVerdict(func(v *signin.Verdict) { v.Principal = root }), "root's password", "login profile"},
		{"a user", ofVerdict(), "login profile", "root"},
		{"portal", ofVerdict(func(v *signin.Verdict) {
			v.Principal.Kind, v.Reason = audit.IdentityCenter, signin.ReasonSingleFactor
		}), "IAM Identity Center", "login profile"},
		{"root guessed", alert.OfDetection(detection("sign-in-after-failures", root, audit.Critical), names), "root's password", "login profile"},
		{"a device taken off", alert.OfDetection(detection("mfa-deactivated-for-other", ada, audit.High), names), "new device", "root"},
		{"a trail stopped", alert.OfDetection(detection("trail-stopped", ada, audit.Critical), names), "start-logging", "MFA"},
	} {
		steps := strings.Join(c.a.WhatToDo, " ")
		if !strings.Contains(steps, c.want) || strings.Contains(steps, c.not) {
			t.Errorf("%s: %s\nwant %q, not %q", c.name, steps, c.want, c.not)
		}
	}
}

func TestFactorRow(t *testing.T) {
	for _, c := range []struct {
		mfa    signin.MFA
		reason signin.Reason
		want   string
	}{
		{signin.MFA{Used: "no"}, signin.ReasonNoMFA, "MISSING: no second factor was used"},
		{signin.MFA{Used: "unknown"}, signin.ReasonSingleFactor, "MISSING: no second factor was used"},
		{signin.MFA{Used: "yes", Factor: audit.VirtualFactor, Device: "arn:aws:iam::111122223333:mfa/ada"}, signin.ReasonMFA, `used: virtual "arn:aws:iam::111122223333:mfa/ada"`},
		{signin.MFA{Used: "yes", Factor: audit.UnknownFactor}, signin.ReasonMFA, "used, unknown"},
		{signin.MFA{Used: "unknown"}, signin.ReasonMFANotRecorded, "not known from the record"},
	} {
		a := ofVerdict(func(v *signin.Verdict) { v.MFA, v.Reason = c.mfa, c.reason })
		if want := "\nFactor:   " + c.want + "\n"; !strings.Contains(a.Text(), want) {
			t.Errorf("%+v, %s: no %q in\n%s", c.mfa, c.reason, want, a.Text())
		}
	}
}

func TestJSONIsCanonical(t *testing.T) {
	a := ofVerdict(func(v *signin.Verdict) { v.UserAgent = "a<b>&c" })
	got := string(a.JSON())
	want := `{"account":"111122223333","account_alias":"prod","detail":"","event":"ConsoleLogin","events":["2b1d0a3c-0000-4000-8000-000000000001"],"id":"111122223333#2b1d0a3c-0000-4000-8000-000000000001",` +
		`"kind":"sign_in","mfa":{"device":"","factor":"unknown","used":"no"},"outcome":"fail","principal":{"arn":"arn:aws:iam::111122223333:user/ada","id":"AIDAEXAMPLE","kind":"iam_user","name":"ada"},` +
		`"reason":"no-mfa","region":"eu-north-1","schema":"mfawatch/alert/v1","severity":"high","source_ip":"192.0.2.7","time":"2026-11-20T08:14:03Z","user_agent":"a<b>&c","what_to_do":`
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `]}`) {
		t.Errorf("JSON() = %s\nwant     %s…", got, want)
	}
	back, err := alert.Parse(a.JSON())
	if diff := cmp.Diff(a, back); err != nil || diff != "" {
		t.Errorf("JSON comes back (error %v) with a difference:\n%s", err, diff)
	}
	for _, bad := range []string{``, `{}`, `{"schema":"mfawatch/alert/v2"}`, `[]`} {
		if _, err := alert.Parse([]byte(bad)); err == nil {
			t.Errorf("Parse(%s) has no error", bad)
		}
	}
}

func TestMessage(t *testing.T) {
	m := ofVerdict().Message()
	var protocols map[string]string
	if err := json.Unmarshal([]byte(m.Body), &protocols); err != nil {
		t.Fatal(err)
	}
	if protocols["default"] != string(ofVerdict().JSON()) || protocols["email"] != ofVerdict().Text() || protocols["sms"] != ofVerdict().SMS() {
		t.Errorf("protocols %q are not what the alert says", protocols)
	}
	want := map[string]string{"severity": "high", "account": "111122223333", "reason": "no-mfa", "kind": "sign_in", "principal_kind": "iam_user"}
	if diff := cmp.Diff(want, m.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	var chat struct {
		Version, Source string
		Content         struct{ TextType, Title, Description string }
	}
	if err := json.Unmarshal([]byte(protocols["https"]), &chat); err != nil || chat.Version != "1.0" || chat.Source != "custom" || chat.Content.TextType != "client-markdown" || chat.Content.Description == "" {
		t.Errorf("https = %s (error %v), want a custom notification", protocols["https"], err)
	}
	if want := `HIGH prod: "ada" signed in without MFA. 2026-11-20 08:14:03 UTC from 192[.]0[.]2[.]7. Ask them, by telephone or in person and not by replying to a message, whether it was them.`; protocols["sms"] != want {
		t.Errorf("SMS %q, want %q", protocols["sms"], want)
	}
}

// Every alert is in exactly one digest, each fits, and who did different things
// is in different ones.
func TestDigests(t *testing.T) {
	var alerts []alert.Alert
	for i := range 4000 {
		alerts = append(alerts, ofVerdict(id(fmt.Sprintf("2b1d0a3c-0000-4000-8000-%012d", i)), func(v *signin.Verdict) { v.Time = at.Add(time.Duration(i) * time.Second) }))
	}
	other := ofVerdict(id("other"), func(v *signin.Verdict) { v.Principal.ID = "AIDAOTHER" })
	alerts = append(alerts, other, other, alerts[0], ofVerdict(id("mild"), func(v *signin.Verdict) { v.Reason = signin.ReasonMFANotRecorded }))
	slices.Reverse(alerts)
	digests := alert.DigestOf(alerts)
	named := map[string]int{}
	parts := 0
	for _, d := range digests {
		m := d.Message()
		if m.Size() > alert.Limit || len(m.Subject) > 99 || d.Kind != alert.Digest {
			t.Errorf("digest %s: %d bytes, subject %q, kind %s", d.ID, m.Size(), m.Subject, d.Kind)
		}
		text := d.Text()
		for _, i := range d.Digest.Items {
			named[i.ID]++
			if !strings.Contains(text, i.Events[0]) {
				t.Errorf("the text does not name %s", i.Events[0])
			}
		}
		parts += d.Digest.Parts
	}
	if len(named) != 4002 {
		t.Errorf("%d alerts are named, want 4002", len(named))
	}
	for id, n := range named {
		if n != 1 {
			t.Errorf("%s is named %d times", id, n)
		}
	}
	if n := len(digests); n < 4 || parts != 2+(n-2)*(n-2) {
		t.Errorf("%d digests, %d parts: want one of two each, and the parts of a big one", n, parts)
	}
	slices.Reverse(alerts)
	if diff := cmp.Diff(digests, alert.DigestOf(alerts)); diff != "" {
		t.Errorf("another order gives other digests:\n%s", diff)
	}
	if alert.DigestOf(nil) != nil {
		t.Error("a digest of nothing")
	}
}

func TestStorm(t *testing.T) {
	s := alert.Storm{Never: []string{"AIDAEMERGENCY", "AROAEMERGENCY", ""}}
	for _, c := range []struct {
		name string
		a    alert.Alert
		want bool
	}{
		{"a user", ofVerdict(), false},
		{"nobody", ofVerdict(func(v *signin.Verdict) { v.Principal = audit.Principal{} }), false},
		{"root", ofVerdict(func(v *signin.Verdict) { v.Principal, v.Severity = root, audit.Info }), true},
		{"critical", ofVerdict(func(v *signin.Verdict) { v.Severity = audit.Critical }), true},
		{"emergency user", ofVerdict(func(v *signin.Verdict) { v.Principal.ID = "AIDAEMERGENCY" }), true},
		{"emergency role", ofVerdict(func(v *signin.Verdict) { v.Principal.ID = "AROAEMERGENCY:ada" }), true},
		{"its name in a session", ofVerdict(func(v *signin.Verdict) { v.Principal.ID = "AROAOTHER:AIDAEMERGENCY" }), false},
		{"a longer id", ofVerdict(func(v *signin.Verdict) { v.Principal.ID = "AIDAEMERGENCYX" }), false},
		{"canary", alert.OfCanary("1", "r", "n", at, nil), true},
		{"silence", alert.OfSilence("1", "r", "s", at, at, nil), true},
		{"watchdog", alert.OfWatchdog("1", "r", []string{"x"}, at, nil), true},
		{"a detection", alert.OfDetection(detection("mfa-deactivated", ada, audit.Medium), nil), false},
	} {
		if got := s.Exempt(c.a); got != c.want {
			t.Errorf("%s is exempt: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSlots(t *testing.T) {
	s := alert.Storm{}
	key, ends := s.Slot(ofVerdict(), at)
	if want := at.Truncate(15 * time.Minute).Add(15 * time.Minute); !ends.Equal(want) || !strings.HasPrefix(key, "fold#111122223333#AIDAEXAMPLE#no-mfa#") || s.Limit() != 3 {
		t.Errorf("slot %s ends %s, limit %d", key, ends, s.Limit())
	}
	for name, other := range map[string]alert.Alert{
		"account":   ofVerdict(func(v *signin.Verdict) { v.Account = "444455556666" }),
		"principal": ofVerdict(func(v *signin.Verdict) { v.Principal.ID = "AIDAOTHER" }),
		"reason":    ofVerdict(func(v *signin.Verdict) { v.Reason = signin.ReasonMFANotRecorded }),
		"nobody":    ofVerdict(func(v *signin.Verdict) { v.Principal = audit.Principal{} }),
	} {
		if k, _ := s.Slot(other, at); k == key {
			t.Errorf("another %s is in the same slot %s", name, k)
		}
	}
	if k, _ := s.Slot(ofVerdict(id("e2")), at.Add(30*time.Second)); k != key {
		t.Errorf("the same a moment later is in the slot %s, want %s", k, key)
	}
	if k, _ := s.Slot(ofVerdict(), ends); k == key {
		t.Error("the next window has the same slot")
	}
	if own := (alert.Storm{Singles: 1, Window: time.Hour}); own.Limit() != 1 {
		t.Errorf("limit %d, want 1", own.Limit())
	}
}

func TestSilence(t *testing.T) {
	a := alert.OfSilence("111122223333", "eu-north-1", "2026-11-20T08", time.Time{}, at, names)
	if a.Detail != "no file of CloudTrail was ever seen" || a.ID != "111122223333#coverage#eu-north-1_2026-11-20T08" || a.Outcome != audit.Unknown {
		t.Errorf("silence = %+v", a)
	}
	if b := alert.OfSilence("111122223333", "eu-north-1", "s", at, at, names); b.Detail != "no file of CloudTrail since 2026-11-20 08:14:03 UTC" {
		t.Errorf("detail %q", b.Detail)
	}
}

// Chat subscribes without a filter and shows custom notifications: the canary's
// message is none, every other alert's is.
func TestChatDoesNotShowTheCanary(t *testing.T) {
	for _, c := range []struct {
		a     alert.Alert
		shown bool
	}{
		{ofVerdict(), true},
		{alert.OfSilence("111122223333", "eu-north-1", "s", at, at, names), true},
		{alert.OfWatchdog("111122223333", "eu-north-1", []string{"x"}, at, names), true},
		{alert.OfCanary("111122223333", "eu-north-1", "n1", at, names), false},
	} {
		var protocols map[string]string
		if err := json.Unmarshal([]byte(c.a.Message().Body), &protocols); err != nil {
			t.Fatal(err)
		}
		var chat struct {
			Version, Source string
			Content         any
		}
		err := json.Unmarshal([]byte(protocols["https"]), &chat)
		if shown := chat.Version == "1.0" && chat.Source == "custom" && chat.Content != nil; err != nil || shown != c.shown {
			t.Errorf("%s: shown in chat %v, error %v, of %s", c.a.Kind, shown, err, protocols["https"])
		}
		if back, err := alert.Parse([]byte(protocols["default"])); err != nil || back.ID != c.a.ID {
			t.Errorf("%s: queues get %s", c.a.Kind, protocols["default"])
		}
	}
}

// Each protocol names what was found; a name that somebody else chose is no link.
func TestWatchdog(t *testing.T) {
	findings := []string{"eu-north-1: rule mfawatch-sign-in-console is DISABLED, not ENABLED", "subscription https evil.example.com is there, and nobody deployed it"}
	a := alert.OfWatchdog("111122223333", "eu-north-1", findings, at, names)
	if a.ID != "111122223333#watchdog#20261120T081403Z" || a.Attributes()["severity"] != "high" || a.Attributes()["kind"] != "watchdog" {
		t.Errorf("id %s, attributes %v", a.ID, a.Attributes())
	}
	want := "\nWhat was found:\n- eu-north-1: rule mfawatch-sign-in-console is DISABLED, not ENABLED\n- subscription https evil[.]example[.]com is there, and nobody deployed it\n\nWhat to do now:\n1. Ask who changed it"
	if !strings.Contains(a.Text(), want) {
		t.Errorf("no %q in\n%s", want, a.Text())
	}
	if body := a.Message().Body; !strings.Contains(body, `- eu-north-1: rule mfawatch-sign-in-console is DISABLED`) || len(a.Subject()) > 99 {
		t.Errorf("chat does not name the finding: %s", body)
	}
	many := alert.OfWatchdog("111122223333", "eu-north-1", slices.Repeat([]string{strings.Repeat(`漢\`, 9000)}, 5000), at, names)
	if got := many.Findings; many.Message().Size() > alert.Limit || len(got) != 101 || got[100] != "and 4900 more, which the log of the function has" {
		t.Errorf("%d findings, %d bytes, the last %q", len(got), many.Message().Size(), got[len(got)-1])
	}
}
