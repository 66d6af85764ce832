package securityhub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/securityhub"
)

// fake answers BatchImportFindings on the wire.
type fake struct {
	batches [][]string // ids
	bytes   []int
	first   string // the first finding, as it came
	hosts   []string
	signed  []string    // Authorization
	header  http.Header // of the answers
	lost    int         // calls that get no answer
	answer  func(call int, ids []string) (status int, body string)
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if f.lost--; f.lost >= 0 {
		return nil, syscall.ECONNRESET
	}
	var in struct{ Findings []json.RawMessage }
	if err := json.Unmarshal(text, &in); err != nil || r.URL.Path != "/findings/import" {
		return nil, fmt.Errorf("%s: %v", r.URL, err)
	}
	var ids []string
	for _, raw := range in.Findings {
		var one struct{ Id string }
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, err
		}
		ids = append(ids, one.Id)
	}
	if len(f.batches) == 0 && len(in.Findings) > 0 {
		f.first = string(in.Findings[0])
	}
	f.batches, f.bytes, f.hosts = append(f.batches, ids), append(f.bytes, len(text)), append(f.hosts, r.URL.Host)
	f.signed = append(f.signed, r.Header.Get("Authorization"))
	status, body := http.StatusOK, fmt.Sprintf(`{"FailedCount":0,"SuccessCount":%d,"FailedFindings":[]}`, len(ids))
	if f.answer != nil {
		status, body = f.answer(len(f.batches), ids)
	}
	return &http.Response{StatusCode: status, Header: f.header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (f *fake) client() *securityhub.Client {
	return securityhub.New(aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: f}, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
	}, "eu-north-1")
}

func one(id string, more int) string {
	return fmt.Sprintf(`{"SchemaVersion":"2018-10-08","Id":%q,"ProductArn":"arn:aws:securityhub:eu-north-1:111122223333:product/111122223333/default",
"GeneratorId":"g","AwsAccountId":"111122223333","Types":["t"],"CreatedAt":"2026-11-20T12:00:00Z","UpdatedAt":"2026-11-20T12:00:00Z","Title":"t",
"Description":%q,"Resources":[{"Type":"AwsIamUser","Id":"arn","Partition":"aws","Details":{"AwsIamUser":{"UserId":"AIDA1","UserName":"ada"}}}],
"Compliance":{"Status":"FAILED","RelatedRequirements":["CIS 1"],"StatusReasons":[{"ReasonCode":"R","Description":"d"}]},"RecordState":"ACTIVE","FindingProviderFields":{"Severity":{"Label":"HIGH","Original":"high"},"Types":["t"]}}`, id, strings.Repeat("x", more))
}

func many(n, more int) []byte {
	all := make([]string, n)
	for i := range all {
		all[i] = one(fmt.Sprintf("f%03d", i), more)
	}
	return []byte("[" + strings.Join(all, ",") + "]")
}

// do imports while waiting takes no time.
func do(t *testing.T, f *fake, asff []byte) (r securityhub.Result, took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		began := time.Now()
		r, err = f.client().Import(context.Background(), asff)
		took = time.Since(began)
	})
	return r, took, err
}

func TestBatches(t *testing.T) {
	for _, c := range []struct {
		n, more int
		want    []int
	}{
		{0, 0, nil}, {1, 0, []int{1}}, {100, 0, []int{100}}, {101, 0, []int{100, 1}}, {250, 0, []int{100, 100, 50}},
		{60, 200_000, []int{27, 27, 6}}, // by size
	} {
		var f fake
		r, _, err := do(t, &f, many(c.n, c.more))
		var sizes []int
		next := 0
		for i, ids := range f.batches {
			sizes = append(sizes, len(ids))
			if f.bytes[i] > 6_000_000 {
				t.Errorf("%d findings: batch %d has %d bytes", c.n, i, f.bytes[i])
			}
			for _, id := range ids {
				if want := fmt.Sprintf("f%03d", next); id != want {
					t.Fatalf("%d findings: %s where %s should be", c.n, id, want)
				}
				next++
			}
		}
		if err != nil || r.Imported != c.n || len(r.Refused) != 0 || !cmp.Equal(c.want, sizes) {
			t.Errorf("%d findings: %+v, error %v, batches %v, want %v", c.n, r, err, sizes, c.want)
		}
	}
}

// What is handed over arrives, field for field, in the Region it is for.
func TestNothingIsLostOnTheWire(t *testing.T) {
	var f fake
	if _, _, err := do(t, &f, many(1, 3)); err != nil {
		t.Fatal(err)
	}
	var want, got any
	if json.Unmarshal([]byte(one("f000", 3)), &want) != nil || json.Unmarshal([]byte(f.first), &got) != nil {
		t.Fatal(f.first)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the finding (-given +arrived):\n%s", diff)
	}
	if f.hosts[0] != "securityhub.eu-north-1.amazonaws.com" {
		t.Errorf("asked %s", f.hosts[0])
	}
	if s := f.signed[0]; !strings.HasPrefix(s, "AWS4-HMAC-SHA256 Credential=AKIA/") || !strings.Contains(s, "/eu-north-1/securityhub/aws4_request") {
		t.Errorf("signed %q", s)
	}
}

// endpoints are what the environment says of them.
type endpoints struct{}

func (endpoints) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return aws.FIPSEndpointStateEnabled, true, nil
}

// The Region's endpoint is the one that the configuration asks for.
func TestEndpoints(t *testing.T) {
	for want, cfg := range map[string]aws.Config{
		"securityhub-fips.us-east-1.amazonaws.com": {ConfigSources: []any{endpoints{}}},
		"192.0.2.1:5000": {BaseEndpoint: aws.String("http://192.0.2.1:5000")},
	} {
		var f fake
		cfg.HTTPClient, cfg.Credentials = &http.Client{Transport: &f}, credentials.NewStaticCredentialsProvider("AKIA", "secret", "")
		if _, err := securityhub.New(cfg, "us-east-1").Import(context.Background(), many(1, 0)); err != nil || f.hosts[0] != want {
			t.Errorf("asked %q, error %v, want %s", f.hosts, err, want)
		}
	}
}

// A call that got no answer is made again: an import may be repeated.
func TestLostCallsAreRepeated(t *testing.T) {
	f := fake{lost: 3}
	if r, _, err := do(t, &f, many(2, 0)); err != nil || r.Imported != 2 {
		t.Errorf("%+v, error %v", r, err)
	}
	f = fake{lost: 1000}
	if r, _, err := do(t, &f, many(2, 0)); err == nil || f.lost != 1000-8 || r.Imported != 0 {
		t.Errorf("%+v, error %v, %d calls", r, err, 1000-f.lost)
	}
}

// The code of an error may stand in the header, with more behind it.
func TestErrorInTheHeader(t *testing.T) {
	f := fake{header: http.Header{"X-Amzn-Errortype": {"InvalidAccessException:http://internal/"}}, answer: func(int, []string) (int, string) { return 401, "" }}
	if _, _, err := do(t, &f, many(1, 0)); !errors.Is(err, securityhub.ErrOff) {
		t.Errorf("error %v", err)
	}
}

func failed(code string, ids ...string) string {
	var all []string
	for _, id := range ids {
		all = append(all, fmt.Sprintf(`{"Id":%q,"ErrorCode":%q,"ErrorMessage":"arn:aws:iam::111122223333:user/ada"}`, id, code))
	}
	return fmt.Sprintf(`{"FailedCount":%d,"SuccessCount":0,"FailedFindings":[%s]}`, len(all), strings.Join(all, ","))
}

func TestRefusedFindings(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(call int, ids []string) (int, string)
		batches []int
		want    securityhub.Result
	}{
		"for good": {func(_ int, ids []string) (int, string) { return 200, failed("InvalidInput", ids[1]) },
			[]int{3}, securityhub.Result{Imported: 2, Refused: []securityhub.Refusal{{ID: "f001", Code: "InvalidInput"}}}},
		"for the moment": {func(call int, ids []string) (int, string) {
			if call < 3 {
				return 200, failed("ThrottlingException", ids[0])
			}
			return 200, failed("")
		}, []int{3, 1, 1}, securityhub.Result{Imported: 3}},
		"for ever": {func(_ int, ids []string) (int, string) { return 200, failed("InternalException", ids...) },
			[]int{3, 3, 3, 3, 3}, securityhub.Result{Refused: []securityhub.Refusal{{ID: "f000", Code: "InternalException"}, {ID: "f001", Code: "InternalException"}, {ID: "f002", Code: "InternalException"}}}},
	} {
		f := fake{answer: c.answer}
		r, took, err := do(t, &f, many(3, 0))
		var sizes []int
		for _, ids := range f.batches {
			sizes = append(sizes, len(ids))
		}
		if err != nil || !cmp.Equal(c.want, r) || !cmp.Equal(c.batches, sizes) {
			t.Errorf("%s: %+v, error %v, batches %v; want %+v, %v", name, r, err, sizes, c.want, c.batches)
		}
		if waited := took > 0; waited != (len(c.batches) > 1) || took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// A finding that Security Hub would refuse for its size is named, and its batch
// is imported.
func TestOversized(t *testing.T) {
	var f fake
	asff := "[" + one("a", 0) + "," + one("big", 240_000) + "," + one("b", 0) + "]"
	r, _, err := do(t, &f, []byte(asff))
	want := securityhub.Result{Imported: 2, Refused: []securityhub.Refusal{{ID: "big", Code: "LargerThan240KB"}}}
	if err != nil || !cmp.Equal(want, r) {
		t.Errorf("%+v, error %v, want %+v", r, err, want)
	}
}

func TestThrottledCallsAreRepeated(t *testing.T) {
	f := fake{answer: func(call int, ids []string) (int, string) {
		if call < 4 {
			return 429, `{"__type":"TooManyRequestsException","message":"m"}`
		}
		return 200, `{"FailedCount":0,"SuccessCount":1,"FailedFindings":[]}`
	}}
	r, took, err := do(t, &f, many(1, 0))
	if err != nil || r.Imported != 1 || len(f.batches) != 4 || took == 0 {
		t.Errorf("%+v, error %v, %d calls in %v", r, err, len(f.batches), took)
	}
}

func TestErrors(t *testing.T) {
	answer := func(status int, body string) *fake {
		return &fake{answer: func(int, []string) (int, string) { return status, body }}
	}
	for name, c := range map[string]struct {
		fake *fake
		asff string
		want string
	}{
		"off":        {answer(401, `{"__type":"InvalidAccessException","Message":"Account 111122223333 is not subscribed to AWS Security Hub"}`), "", "securityhub:BatchImportFindings: no Security Hub CSPM is switched on there: enable it, or set MFAWATCH_SECURITY_HUB=false"},
		"denied":     {answer(403, `{"__type":"AccessDeniedException","Message":"User ada"}`), "", "securityhub:BatchImportFindings: access denied: allow it on"},
		"broken":     {answer(500, `{"__type":"InternalException","Message":"m"}`), "", "securityhub:BatchImportFindings: AWS answered InternalException"},
		"no finding": {&fake{}, `[{"Id":"a"},7]`, "finding 1 for Security Hub: "},
		"no array":   {&fake{}, `{}`, "findings for Security Hub: "},
		"not JSON":   {answer(502, "<html>bad gateway, ada</html>"), "", "securityhub:BatchImportFindings: AWS answered UnknownError"},
		"no answer":  {answer(200, "<html>a proxy, ada</html>"), "", "securityhub:BatchImportFindings: the answer is not understood: "},
	} {
		if c.asff == "" {
			c.asff = string(many(150, 0))
		}
		_, _, err := do(t, c.fake, []byte(c.asff))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "ada") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %s…", name, err, c.want)
		}
		if errors.Is(err, securityhub.ErrOff) != (name == "off") {
			t.Errorf("%s: is ErrOff %v", name, errors.Is(err, securityhub.ErrOff))
		}
	}
}

// An error says how far it came: the rest can be imported later.
func TestErrorInTheMiddle(t *testing.T) {
	f := fake{answer: func(call int, ids []string) (int, string) {
		if call == 1 {
			return 200, `{"FailedCount":0,"SuccessCount":100,"FailedFindings":[]}`
		}
		return 403, `{"__type":"AccessDeniedException"}`
	}}
	r, _, err := do(t, &f, many(150, 0))
	if err == nil || !strings.HasSuffix(err.Error(), "(100 findings are imported, 50 are not)") || r.Imported != 100 {
		t.Errorf("%+v, error %v", r, err)
	}
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake{answer: func(_ int, ids []string) (int, string) { return 200, failed("Throttling", ids...) }}
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		if _, err := f.client().Import(ctx, many(1, 0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
