package explain_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/enforce/explain"
	"mfawatch/internal/casefile"
)

// A case of testdata/explain is a document, and what is said of it: sentences,
// answers row by row, mistakes.
func TestExplanations(t *testing.T) {
	for _, c := range casefile.All(t, "testdata/explain/*.txtar") {
		e, err := explain.Explain("policy.json", []byte(c.Section("policy.json")), options(t, c))
		if err != nil {
			t.Errorf("%s: %v", c.Path, err)
			continue
		}
		for _, name := range []string{"about", "sentences", "answers", "mistakes"} {
			got := map[string]string{"about": about(e), "sentences": strings.Join(e.Sentences, "\n") + "\n", "answers": answers(e), "mistakes": lines(e.Mistakes)}[name]
			if *update {
				c.Put(t, name, got)
			} else if want := c.Section(name); got != want {
				t.Errorf("%s: %s:\n%swant:\n%s", c.Path, name, got, want)
			}
		}
	}
}

// about is what an explanation says of itself.
func about(e explain.Explanation) string {
	return fmt.Sprintf("%s (%s), asked about %s in %s\notherwise %s\n", e.Kind.Title(), e.KindFrom, e.Caller, e.Partition, e.Otherwise)
}

// answers are the table's rows as the cases have them: a column is an answer's
// first letter and the number of the statement.
func answers(e explain.Explanation) string {
	var b strings.Builder
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			fmt.Fprintf(&b, "%s | %s | %s | %s |", t.ID, r.What, r.Action, r.Resource)
			for i, c := range r.Cells {
				if c.Credential != e.Columns[i].Credential {
					fmt.Fprintf(&b, " in the column of %s:", e.Columns[i].Credential)
				}
				fmt.Fprintf(&b, " %s", c.Answer)
				if len(c.Because) > 0 && c.Because[0].Statement > 0 {
					fmt.Fprintf(&b, ":%d", c.Because[0].Statement)
				}
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func mustExplain(t *testing.T, text string, o explain.Options) explain.Explanation {
	t.Helper()
	e, err := explain.Explain("policy.json", []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// answer is what one credential may do of one row.
func answer(t *testing.T, e explain.Explanation, what, credential string) explain.Answer {
	t.Helper()
	for _, topic := range e.Topics {
		for _, r := range topic.Rows {
			for _, c := range r.Cells {
				if r.What == what && c.Credential == credential {
					return c.Answer
				}
			}
		}
	}
	t.Fatalf("the explanation has no row %q for %s", what, credential)
	return ""
}

// The truth table of the ways to write "without MFA", for a caller who is allowed
// everything (IAM user guide, aws:MultiFactorAuthPresent).
func TestTruthTable(t *testing.T) {
	credentials := []string{"access-key", "password-no-mfa", "with-mfa", "role-credentials", "federation-token"}
	for condition, want := range map[string]string{
		`{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}`:      "DDYDD",
		`{"Bool": {"aws:MultiFactorAuthPresent": "false"}}`:              "YDYDD",
		`{"Null": {"aws:MultiFactorAuthPresent": "true"}}`:               "DYYYY",
		`{"StringNotEquals": {"aws:MultiFactorAuthPresent": "true"}}`:    "DDYDD",
		`{"Null": {"aws:MultiFactorAuthAge": "true"}}`:                   "DDYDD",
		`{"ForAllValues:Bool": {"aws:MultiFactorAuthPresent": "false"}}`: "DDYDD",
		`{"Bool": {"aws:MultifactorAuthPresnet": "false"}}`:              "YYYYY",
		`{"BoolIfExists": {"aws:MultifactorAuthPresnet": "false"}}`:      "DDDDD",
	} {
		e := mustExplain(t, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":`+condition+`}}`, explain.Options{})
		got := ""
		for _, c := range credentials {
			got += map[explain.Answer]string{explain.Denied: "D", explain.LetThrough: "Y"}[answer(t, e, "anything else", c)]
		}
		if got != want {
			t.Errorf("%s: %s, want %s for %v", condition, got, want, credentials)
		}
	}
}

// What AWS documents has the shortcomings that are known of it, and no other; a
// guardrail in the hardened shape has none.
func TestDocumentedAndHardened(t *testing.T) {
	for name, want := range map[string][]string{
		"documented":     {"missing-path-form", "notaction-not-scoped-to-self", "console-sign-in-denied", "service-calls-denied"},
		"hardened":       nil,
		"hardened-china": nil,
		"hardened-scp":   nil,
	} {
		c := casefile.Read(t, "testdata/explain/"+name+".txtar")
		e := mustExplain(t, c.Section("policy.json"), options(t, c))
		var got []string
		for _, m := range e.Mistakes {
			if !slices.Contains(got, m.ID) {
				got = append(got, m.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: mistakes %v, want %v", name, got, want)
		}
	}
}

// Every mistake that is found points at a line of the document and is as grave as
// the registry says at the most.
func TestMistakesPointSomewhere(t *testing.T) {
	by := map[string]audit.Severity{}
	for _, m := range explain.Mistakes() {
		by[m.ID] = m.Severity
	}
	for _, c := range mistakeCases(t) {
		text := c.Section("policy.json")
		for _, m := range mustExplain(t, text, c.options).Mistakes {
			if m.Line < 1 || m.Line > strings.Count(text, "\n") || m.Severity > by[m.ID] {
				t.Errorf("%s: %+v points at no line, or is graver than the registry says", c.Path, m)
			}
		}
	}
}

// A decision says which statement made it, in words without the file's name, and a
// rule of AWS says where AWS says so.
func TestReasons(t *testing.T) {
	e := mustExplain(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
{"Sid":"Guard","Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}},
{"Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`, explain.Options{})
	want := map[string]explain.Reason{
		"read an object in S3": {Statement: 2, Sid: "Guard", Line: 2, Text: "statement 2 (Guard) denies it"},
		"start a machine":      {Statement: 3, Line: 3, Text: "statement 3 denies it, unless its conditions are not met: it is not known what aws:SourceIp is in the request"},
		"read the costs":       {Statement: 1, Line: 1, Text: "statement 1 allows it"},
		"GetSessionToken": {Text: "no policy governs GetSessionToken; it is for long-term credentials of users and root",
			Source: "IAM user guide, secure API access with MFA; STS API reference, GetSessionToken"},
	}
	for _, topic := range e.Topics {
		for _, r := range topic.Rows {
			if w, told := want[r.What]; told && (len(r.Cells[0].Because) == 0 || r.Cells[0].Because[0] != w) {
				t.Errorf("%s: %+v, want %+v", r.What, r.Cells[0].Because, w)
			}
			delete(want, r.What)
		}
	}
	if len(want) > 0 {
		t.Errorf("no rows for %v", want)
	}
}

// The partition is the document's own unless another one is asked about; a pattern
// of another one is not a mistake for that.
func TestPartitionOfTheDocument(t *testing.T) {
	text := casefile.Read(t, "testdata/explain/hardened-china.txtar").Section("policy.json")
	if e := mustExplain(t, text, explain.Options{}); e.Partition != "aws-cn" || len(e.Mistakes) > 0 {
		t.Errorf("asked about %s: mistakes %+v", e.Partition, e.Mistakes)
	}
	e := mustExplain(t, text, explain.Options{Partition: "aws"})
	for _, m := range e.Mistakes {
		if m.ID == "missing-path-form" || m.ID == "mfa-username-resource" {
			t.Errorf("asked about %s: %+v", e.Partition, m)
		}
	}
	for partition, text := range map[string]string{
		"aws":        `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":["arn:aws:s3:::a","arn:aws-cn:s3:::b"]}}`,
		"aws-us-gov": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws-us-gov:iam::111122223333:user/ada"},"Action":"sts:AssumeRole"}}`,
		"aws-cn":     `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws-cn:iam::*:user/*"}}}}`,
	} {
		if e := mustExplain(t, text, explain.Options{}); e.Partition != partition {
			t.Errorf("%s: asked about %s, want %s", text, e.Partition, partition)
		}
	}
}
