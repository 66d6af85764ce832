package explain_test

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfawatch/audit/enforce/explain"
	"mfawatch/internal/casefile"
)

// The answers of AWS that carry a document say what kind it is, and an object's
// lines are those of the file.
func TestAnswersOfAWS(t *testing.T) {
	guard := `{"Version":"2012-10-17","Statement":
 {"Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}`
	trust := `{"Version":"2012-10-17","Statement":
 {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ada"},"Action":"sts:AssumeRole"}}`
	bucket := `{"Version":"2012-10-17","Statement":
 {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}`
	quoted := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	encoded := func(text string) string { return quoted(url.PathEscape(text)) }
	for name, c := range map[string]struct {
		text   string
		kind   explain.Kind
		within string
		line   int // of the first mistake
	}{
		"document":               {guard, explain.Identity, "", 2},
		"with a sign of no text": {strings.Replace(guard, `"Deny"`, `"Deny","Sid":"\ufffd"`, 1), explain.Identity, "", 2},
		"with a mark":            {"\ufeff" + guard, explain.Identity, "", 2},
		"get-policy-version":     {"{\n\"PolicyVersion\": {\n\"VersionId\": \"v1\",\n\"Document\": " + guard + "}}", explain.Identity, "PolicyVersion.Document", 5},
		"encoded":                {"{\"PolicyVersion\": {\"Document\": " + encoded(guard) + "}}", explain.Identity, "PolicyVersion.Document", 2},
		"get-user-policy":        {"{\"UserName\": \"ada\",\n\n\"PolicyDocument\": " + guard + "}", explain.Identity, "PolicyDocument", 4},
		"get-group-policy":       {"{\"GroupName\": \"people\", \"PolicyDocument\": " + encoded(guard) + "}", explain.Identity, "PolicyDocument", 2},
		"get-role-policy":        {"{\"RoleName\": \"ci\", \"PolicyDocument\": " + guard + "}", explain.Role, "PolicyDocument", 2},
		"get-role":               {"{\"Role\": {\"RoleName\": \"ci\",\n\"AssumeRolePolicyDocument\": " + trust + "}}", explain.Trust, "Role.AssumeRolePolicyDocument", 3},
		"describe-policy":        {"{\"Policy\": {\"PolicySummary\": {\"Type\": \"SERVICE_CONTROL_POLICY\"}, \"Content\": " + quoted(guard) + "}}", explain.SCP, "Policy.Content", 2},
		"describe-policy, rcp":   {"{\"Policy\": {\"PolicySummary\": {\"Type\": \"RESOURCE_CONTROL_POLICY\"}, \"Content\": " + quoted(bucket) + "}}", explain.RCP, "Policy.Content", 2},
		"get-bucket-policy":      {"{\"Policy\": " + quoted(bucket) + "}", explain.Resource, "Policy", 2},
		"as text":                {quoted(guard), explain.Identity, "", 2},
		"percent-encoded":        {url.PathEscape(guard), explain.Identity, "", 2},
		"text, percent-encoded":  {quoted(url.PathEscape(guard)), explain.Identity, "", 2},
	} {
		e, err := explain.Explain("answer.json", []byte(c.text), explain.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if told := e.KindFrom == "AWS's answer says so"; told != strings.Contains("get-user-policy get-group-policy get-role-policy get-role describe-policy describe-policy, rcp", name) {
			t.Errorf("%s: the kind is told by %q", name, e.KindFrom)
		}
		if e.Kind != c.kind || e.Within != c.within || len(e.Mistakes) == 0 || e.Mistakes[0].Line != c.line {
			t.Errorf("%s: kind %s within %q, first mistake %+v; want %s, %q, line %d", name, e.Kind, e.Within, e.Mistakes, c.kind, c.within, c.line)
		}
	}
}

// What cannot be read is an error that names the file, and the line where there is
// one.
func TestUnreadable(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                {" \n", "x.json: empty"},
		"no JSON":              {"Version: 2012", "x.json: line 1: not JSON"},
		"no statement":         {`{"Version":"2012-10-17","Statement":[]}`, "x.json: Statement is empty: there is no statement to explain"},
		"none in an answer":    {`{"PolicyDocument":{"Statement":[]}}`, "x.json, PolicyDocument: Statement is empty"},
		"a list":               {"[]", "x.json: line 1: the document is no object"},
		"cut off":              {`{"Version":"2012-10-17",` + "\n" + `"Statement":[{"Effect":"Deny"`, "x.json: line 2: not JSON"},
		"cut off in an answer": {`{"PolicyDocument":` + "\n" + `{"Statement":`, "x.json: line 1: not JSON: it breaks off here"},
		"not UTF-8":            {"{\n\"Version\": \"\xff\"}", "x.json: line 2: not UTF-8"},
		"twice":                {`{"Statement":[],` + "\n" + `"Statement":[]}`, `x.json: line 2: the document has "Statement" twice`},
		"twice in an answer":   {`{"PolicyDocument":{},` + "\n" + `"PolicyDocument":{}}`, `x.json: line 2: "PolicyDocument" is there twice`},
		"effect":               {`{"Statement":{` + "\n" + `"Effect":"deny"}}`, `x.json: line 2: Effect is "deny": it is one of Allow, Deny`},
		"an element":           {`{"Statement":{"Effect":"Deny","Actions":"*"}}`, `"Actions" is no element of a statement`},
		"in a text":            {`{"Policy":{"Content":"{\n\"Statement\":{}}"}}`, `x.json, Policy.Content: line 2: statement 1 has no Effect`},
		"a text":               {`"{}"`, "neither a policy document"},
		"another answer":       {`{"User":{"UserName":"ada"}}`, "neither a policy document, which has a Statement, nor an answer of AWS that carries one: it has User"},
		"get-policy":           {`{"Policy":{"PolicyName":"x","DefaultVersionId":"v1"}}`, "take aws iam get-policy-version"},
		"percent":              {"%7B%zz", "x.json: not percent-encoded"},
		"wrapped too often":    {`{"PolicyDocument":{"PolicyDocument":{"PolicyDocument":{"PolicyDocument":{"Statement":[]}}}}}`, "is no element of a policy"},
		"long":                 {strings.Repeat(" ", explain.MostBytes+1), "more than 131072 bytes"},
		"deep":                 {strings.Repeat(`{"a":`, 20000), "not JSON"},
		"deep in an element":   {`{"Statement":` + strings.Repeat("[", 60000), "x.json: line 1: not JSON"},
		"many statements":      {`{"Statement":[` + strings.Repeat(`{"Effect":"Deny","Action":"*","Resource":"*"},`, 300) + `{"Effect":"Deny","Action":"*","Resource":"*"}]}`, "301 statements"},
	} {
		_, err := explain.Explain("x.json", []byte(c.text), explain.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "x.json") || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%s: error %.300v, want %q", name, err, c.want)
		}
	}
}

// A kind that a document cannot be of, and options that say nothing, are errors.
func TestWrongOptions(t *testing.T) {
	doc := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	for want, o := range map[string]explain.Options{
		"has no Principal, which every role trust policy has": {Kind: explain.Trust},
		`--as: "group" is not one of identity`:                {Kind: "group"},
		`--partition: "aws-iso" is not one of`:                {Partition: "aws-iso"},
		"--account":                                           {Account: "1"},
		"--user":                                              {User: "arn:aws:iam::111122223333:user/ada"},
		"--path":                                              {Path: "dev"},
	} {
		if _, err := explain.Explain("x.json", []byte(doc), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
	trust := `{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`
	if _, err := explain.Explain("x.json", []byte(trust), explain.Options{Kind: explain.SCP}); err == nil || !strings.Contains(err.Error(), "has a Principal, which no service control policy has") {
		t.Errorf("a trust policy as an SCP: error %v", err)
	}
}

// An account that the resources name is the one that is asked about.
func TestAccountOfTheDocument(t *testing.T) {
	one := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:EnableMFADevice","Resource":["arn:aws:iam::444455556666:user/ada","arn:aws:iam::444455556666:user/*/ada"]}}`
	e := mustExplain(t, one, explain.Options{})
	if got := answer(t, e, "enable a first device", "access-key"); got != explain.Allowed || !strings.Contains(e.Caller, "444455556666") {
		t.Errorf("asked about %s: %s", e.Caller, got)
	}
	two := strings.Replace(one, "444455556666:user/*", "777788889999:user/*", 1)
	if e := mustExplain(t, two, explain.Options{}); !strings.Contains(e.Caller, "111122223333") {
		t.Errorf("of two accounts %s is asked about", e.Caller)
	}
	e = mustExplain(t, one, explain.Options{Account: "777788889999"})
	if got := answer(t, e, "enable a first device", "access-key"); got != explain.Left {
		t.Errorf("asked about %s: %s", e.Caller, got)
	}
}

// hostile are documents that are made to cost much.
func hostile() map[string]string {
	wide := func(statement string) string { return `{"Version":"2012-10-17","Statement":[` + statement + `]}` }
	times := func(n int, each func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, each(i))
		}
		return strings.Join(all, ",")
	}
	number := strconv.Itoa
	return map[string]string{
		"statements that cover each other": wide(times(299, func(i int) string {
			return `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false","aws:x` + number(i) + `":"true"}}}`
		})),
		"statements that are covered": wide(times(250, func(i int) string {
			return `{"Effect":"Deny","NotAction":"a:` + number(i) + `","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}`
		}) + `,{"Effect":"Deny","Action":"*","Resource":"*"}`),
		"actions": wide(`{"Effect":"Deny","NotAction":[` + times(9000, func(i int) string { return `"iam:X` + number(i) + `"` }) + `],"Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}`),
		"known actions on resources": wide(`{"Effect":"Allow","Action":[` + times(2500, func(i int) string { return `"iam:GetUser"` }) + `],"Resource":[` +
			times(5000, func(i int) string { return `"mfa*` + number(i) + `*"` }) + `]}`),
		"conditions": wide(`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{` + times(6000, func(i int) string { return `"aws:y` + number(i) + `":"x"` }) + `}}}`),
		"values":     wide(`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:username":[` + times(5000, func(i int) string { return `"*${aws:username}*"` }) + `]}}}`),
		"stars":      wide(`{"Effect":"Deny","Action":"` + strings.Repeat("*a", 60000) + `","Resource":"` + strings.Repeat("*", 5000) + `"}`),
		"variables":  wide(`{"Effect":"Deny","Action":"*","Resource":"arn:aws:iam::*:user/` + strings.Repeat("${aws:username}", 8000) + `"}`),
		"principals": wide(`{"Effect":"Allow","Principal":{"AWS":[` + times(2500, func(i int) string { return `"arn:aws:iam::111122223333:user/u` + number(i) + `"` }) + `]},"Action":"sts:AssumeRole"}`),
		"exemptions by the caller": wide(times(299, func(i int) string {
			return `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"},"StringNotLike":{"aws:UserAgent":"t` + number(i) + `*"},"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`
		}) + `,{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}`),
		"statements that deny nobody": wide(times(299, func(i int) string {
			return `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"},"Bool":{"aws:ViaAWSService":"true"},"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::1:user/` + number(i) + `","arn:aws:iam::1:role/x"]}}}`
		})),
		"resources that are spared": wide(`{"Effect":"Deny","Action":"*","NotResource":[` + times(4000, func(i int) string { return `"arn:aws:iam::*:user/` + number(i) + `"` }) + `],"Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}`),
		"a long name":               wide(`{"Sid":"` + strings.Repeat("x", 100000) + `","Effect":"Deny","Action":"*","Resource":"*"}`),
	}
}

// Whatever is in a document, the answer comes soon.
func TestHostileDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for name, text := range hostile() {
		start := time.Now()
		e, err := explain.Explain("x.json", []byte(text), explain.Options{})
		took := time.Since(start)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %d bytes, %d mistakes, %v", name, len(text), len(e.Mistakes), took)
		if took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func FuzzExplain(f *testing.F) {
	for _, pattern := range []string{"testdata/mistakes/*.txtar", "testdata/explain/*.txtar"} {
		for _, c := range casefile.All(f, pattern) {
			for _, section := range c.Files {
				if strings.HasSuffix(section.Name, ".json") {
					f.Add(section.Data, "", "aws")
				}
			}
		}
	}
	f.Add([]byte(`{"Policy":{"PolicySummary":{"Type":"SERVICE_CONTROL_POLICY"},"Content":"{\"Statement\":[]}"}}`), "scp", "aws-cn")
	f.Add([]byte(`"%7B%22Statement%22%3A%5B%5D%7D"`), "boundary", "aws-us-gov")
	f.Fuzz(func(t *testing.T, data []byte, kind, partition string) {
		e, err := explain.Explain("x.json", data, explain.Options{Kind: explain.Kind(kind), Partition: partition})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x.json") && !strings.HasPrefix(err.Error(), "--") {
				t.Errorf("error %q names neither file nor flag", err)
			}
			return
		}
		if len(e.Sentences) == 0 || len(e.Topics) == 0 {
			t.Error("nothing is said of a document")
		}
		last := strings.Count(string(data), "\n") + strings.Count(string(data), "n") + strings.Count(string(data), "%0") + 1
		for _, m := range e.Mistakes {
			if m.Line < 1 || m.Line > last {
				t.Errorf("%s is in line %d of %d", m.ID, m.Line, last)
			}
		}
		for _, topic := range e.Topics {
			for _, r := range topic.Rows {
				for _, c := range r.Cells {
					if c.Answer == "" || c.Answer != explain.NotApplicable && c.Answer != explain.Left && c.Answer != explain.LetThrough && len(c.Because) == 0 && e.Kind != explain.Trust {
						t.Errorf("%s with %s is %q because of nothing", r.Action, c.Credential, c.Answer)
					}
				}
			}
		}
		if _, err := json.Marshal(e); err != nil {
			t.Error(err)
		}
	})
}
