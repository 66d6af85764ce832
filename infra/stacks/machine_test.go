package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mfawatch/audit/config"
)

// machine walks a definition in the Amazon States Language as far as ours use it,
// after the language's specification. A field or a value that it does not know
// fails the test.
type machine struct {
	t        *testing.T
	invoke   func(payload object) (object, error) // stands in for the function
	items    map[string]string                    // objects that a map reads, by key
	calls    []string                             // what was invoked or called, in order
	copied   []object
	attempts map[string]int // of tasks that failed, by state
	name     string         // of the execution
}

// fail is an error with a name, as states catch it.
type fail struct{ name, cause string }

func (f fail) Error() string { return f.name + ": " + f.cause }

func (m *machine) run(definition object, input any) (any, error) {
	states := definition["States"].(object)
	at, data := definition["StartAt"].(string), input
	for steps := 0; ; steps++ {
		s, ok := states[at].(object)
		if !ok || steps > 200 {
			m.t.Fatalf("state %q is not there, or never ends", at)
		}
		m.known(at, s)
		next, out, err := m.step(at, s, data)
		if err != nil || next == "" {
			return out, err
		}
		at, data = next, out
	}
}

// known fails on a field that the walk would pass over.
func (m *machine) known(at string, s object) {
	fields := map[string]string{
		"Pass": "Parameters Result Next End", "Succeed": "", "Fail": "Error Cause", "Choice": "Choices Default",
		"Task": "Resource Parameters ResultSelector ResultPath OutputPath Retry Next TimeoutSeconds",
		"Map":  "Label ItemReader ItemProcessor MaxConcurrency ToleratedFailurePercentage ResultPath Catch Next",
	}
	known, ok := fields[s["Type"].(string)]
	for field := range s {
		if !ok || field != "Type" && !slices.Contains(strings.Fields(known), field) {
			m.t.Fatalf("state %s: field %s of a %v is not known to this test", at, field, s["Type"])
		}
	}
}

func (m *machine) step(at string, s object, data any) (next string, out any, err error) {
	next, _ = s["Next"].(string)
	switch s["Type"] {
	case "Succeed":
		return "", data, nil
	case "Fail":
		return "", nil, fail{s["Error"].(string), s["Cause"].(string)}
	case "Choice":
		for _, c := range s["Choices"].([]any) {
			if m.holds(c.(object), data) {
				return c.(object)["Next"].(string), data, nil
			}
		}
		return s["Default"].(string), data, nil
	case "Pass":
		if result, ok := s["Result"]; ok {
			data = result
		}
		if p, ok := s["Parameters"]; ok {
			data = m.template(p, data)
		}
		return next, data, nil
	case "Task":
		return m.task(at, s, data, next)
	}
	return m.mapped(s, data, next)
}

// task calls, and again as often as the retriers say.
func (m *machine) task(at string, s object, data any, next string) (string, any, error) {
	parameters := m.template(s["Parameters"], data).(object)
	tried := map[int]int{}
	for {
		result, err := m.call(s["Resource"].(string), parameters)
		if err == nil {
			return next, m.result(s, data, result), nil
		}
		i := retrier(s, err)
		if i < 0 || tried[i] == int(s["Retry"].([]any)[i].(object)["MaxAttempts"].(float64)) {
			return "", nil, err
		}
		tried[i]++
		m.attempts[at]++
	}
}

// retrier is the first that knows an error's name.
func retrier(s object, err error) int {
	var f fail
	errors.As(err, &f)
	for i, r := range s["Retry"].([]any) {
		for _, name := range r.(object)["ErrorEquals"].([]any) {
			if name == f.name || name == "States.ALL" {
				return i
			}
		}
	}
	return -1
}

func (m *machine) call(resource string, parameters object) (any, error) {
	switch resource {
	case "arn:aws:states:::lambda:invoke":
		payload := parameters["Payload"].(object)
		m.calls = append(m.calls, strings.TrimSpace(fmt.Sprint(payload["mode"], " ", orNothing(payload["account"]), " ", orNothing(payload["part"]))))
		answer, err := m.invoke(payload)
		return object{"StatusCode": 200.0, "Payload": answer}, err
	case "arn:aws:states:::aws-sdk:s3:copyObject":
		m.calls = append(m.calls, "copy")
		m.copied = append(m.copied, parameters)
		return object{"CopyObjectResult": object{}}, nil
	}
	m.t.Fatalf("resource %s is not known to this test", resource)
	return nil, nil
}

func orNothing(v any) any {
	if v == nil {
		return ""
	}
	return v
}

// result puts a state's result where its fields say.
func (m *machine) result(s object, data, result any) any {
	if selector, ok := s["ResultSelector"]; ok {
		result = m.template(selector, result)
	}
	out := result
	if path, ok := s["ResultPath"]; ok {
		out = data
		if path != nil {
			with := object{}
			for k, v := range data.(object) {
				with[k] = v
			}
			with[strings.TrimPrefix(path.(string), "$.")] = result
			out = with
		}
	}
	if path, ok := s["OutputPath"]; ok {
		out = m.at(path.(string), out)
	}
	return out
}

// mapped runs a distributed map one item after the other.
func (m *machine) mapped(s object, data any, next string) (string, any, error) {
	reader := s["ItemReader"].(object)
	if reader["Resource"] != "arn:aws:states:::s3:getObject" || reader["ReaderConfig"].(object)["InputType"] != "JSON" {
		m.t.Fatalf("reader %v", reader)
	}
	key := m.template(reader["Parameters"], data).(object)["Key"].(string)
	var items []any
	err := error(nil)
	if json.Unmarshal([]byte(m.items[key]), &items) != nil {
		err = fail{"States.ItemReaderFailed", "no list at " + key}
	}
	failed := 0
	for _, item := range items {
		out, childErr := m.run(s["ItemProcessor"].(object), item)
		if childErr != nil {
			failed++
		} else if text, _ := json.Marshal(out); len(text) > 2 {
			m.t.Errorf("a child answers %s: ten thousand of them would be too much", text)
		}
	}
	if err == nil && float64(failed*100) > s["ToleratedFailurePercentage"].(float64)*float64(len(items)) {
		err = fail{"States.ExceedToleratedFailureThreshold", fmt.Sprint(failed, " failed")}
	}
	if err == nil {
		return next, m.result(s, data, []any{}), nil
	}
	c := s["Catch"].([]any)[0].(object)
	return c["Next"].(string), m.result(object{"ResultPath": c["ResultPath"]}, data, object{"Error": err.Error()}), nil
}

func (m *machine) holds(c object, data any) bool {
	if all, ok := c["And"]; ok {
		return !slices.ContainsFunc(all.([]any), func(one any) bool { return !m.holds(one.(object), data) })
	}
	value, there := m.find(c["Variable"].(string), data)
	if want, ok := c["IsPresent"]; ok {
		return there == want
	}
	if !there {
		m.t.Fatalf("choice about %v, which is not in %v", c["Variable"], data)
	}
	if want, ok := c["BooleanEquals"]; ok {
		return value == want
	}
	return value == c["StringEquals"].(string)
}

// template fills in a payload template: fields that end with .$ are paths or
// intrinsic functions.
func (m *machine) template(v, data any) any {
	o, ok := v.(object)
	if !ok {
		return v
	}
	out := object{}
	for key, value := range o {
		if name, dynamic := strings.CutSuffix(key, ".$"); dynamic {
			out[name] = m.at(value.(string), data)
		} else {
			out[key] = m.template(value, data)
		}
	}
	return out
}

// at evaluates a path or an intrinsic function.
func (m *machine) at(expression string, data any) any {
	name, rest, call := strings.Cut(expression, "(")
	if !call {
		v, there := m.find(expression, data)
		if !there {
			m.t.Fatalf("%s is not in %v", expression, data)
		}
		return v
	}
	var args []any
	for _, arg := range arguments(strings.TrimSuffix(rest, ")")) {
		switch {
		case strings.HasPrefix(arg, "'"):
			args = append(args, strings.Trim(arg, "'"))
		case strings.Trim(arg, "0123456789") == "":
			args = append(args, int(arg[0]-'0'))
		default:
			args = append(args, m.at(arg, data))
		}
	}
	switch name {
	case "States.Format":
		text := args[0].(string)
		for _, arg := range args[1:] {
			text = strings.Replace(text, "{}", arg.(string), 1)
		}
		return text
	case "States.StringSplit":
		return strings.Split(args[0].(string), args[1].(string))
	case "States.ArrayGetItem":
		return args[0].([]string)[args[1].(int)]
	}
	m.t.Fatalf("function %s is not known to this test", name)
	return nil
}

// arguments splits at the commas that stand in no quotes and no brackets.
func arguments(text string) []string {
	var all []string
	depth, quoted, start := 0, false, 0
	for i, r := range text + "," {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			all = append(all, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return all
}

func (m *machine) find(path string, data any) (any, bool) {
	switch path {
	case "$":
		return data, true
	case "$$.Execution.Name":
		return m.name, true
	case "$$.Execution.StartTime":
		return "2026-11-26T06:00:00.123Z", true
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "$."), ".") {
		o, _ := data.(object)
		v, there := o[part]
		if !there {
			return nil, false
		}
		data = v
	}
	return data, true
}

// walked is a definition run to its end.
func walked(t *testing.T, d config.Deployment, input object, m *machine) error {
	t.Helper()
	b := &builder{d: d, names: namesOf(d)}
	var definition object
	if err := json.Unmarshal([]byte(b.definition()), &definition); err != nil {
		t.Fatal(err)
	}
	m.t, m.attempts, m.name = t, map[string]int{}, "e-1"
	_, err := m.run(definition, input)
	return err
}

// whole answers as the function does, once an account was invoked often enough.
func whole(parts map[string]int) func(object) (object, error) {
	return func(e object) (object, error) {
		account, _ := e["account"].(string)
		part, _ := e["part"].(float64)
		answer := object{"mode": e["mode"], "run": e["run"], "continue": false, "accounts": 1.0}
		if int(part) < parts[account] {
			again := object{"part": part + 1, "began": "2026-11-26T06:00:00Z"}
			for _, key := range []string{"mode", "run", "account", "organization"} {
				if e[key] != nil {
					again[key] = e[key]
				}
			}
			answer["continue"], answer["event"] = true, again
		}
		return answer, nil
	}
}

func TestAccountIsInvokedUntilItIsWhole(t *testing.T) {
	m := &machine{}
	answer := whole(map[string]int{"": 2})
	m.invoke = func(e object) (object, error) {
		if e["run"] != "r-1" || e["mode"] != "account" {
			t.Errorf("event %v", e)
		}
		a, err := answer(e)
		a["account"] = "111122223333"
		return a, err
	}
	if err := walked(t, audited(), object{"run": "r-1"}, m); err != nil {
		t.Fatal(err)
	}
	if want := []string{"account", "account  1", "account  2", "copy"}; !slices.Equal(m.calls, want) {
		t.Errorf("calls %q, want %q", m.calls, want)
	}
	want := []object{{
		"Bucket": "mfawatch-reports-111122223333-eu-north-1", "ExpectedBucketOwner": "111122223333", "ExpectedSourceBucketOwner": "111122223333",
		"CopySource": "mfawatch-reports-111122223333-eu-north-1/audit/111122223333/runs/r-1/findings.csv",
		"Key":        "tables/findings/day=2026-11-26/111122223333-r-1.csv",
	}}
	if diff := cmp.Diff(want, m.copied); diff != "" {
		t.Errorf("copied (-want +got):\n%s", diff)
	}
}

// A person may start it with no input. A run that a newer one overtook wrote no
// findings; without Athena nobody wants a copy.
func TestAccountByHand(t *testing.T) {
	for _, c := range []struct {
		name    string
		athena  bool
		summary string
		want    []string
	}{
		{"sent", true, "sent", []string{"account", "copy"}}, {"superseded", true, "superseded", []string{"account"}}, {"no table", false, "sent", []string{"account"}},
	} {
		d := audited()
		d.Reports.Athena = c.athena
		m := &machine{invoke: func(e object) (object, error) {
			return object{"run": e["run"], "account": "111122223333", "continue": false, "summary": c.summary}, nil
		}}
		if err := walked(t, d, object{}, m); err != nil || !slices.Equal(m.calls, c.want) {
			t.Errorf("%s: calls %q, error %v, want %q", c.name, m.calls, err, c.want)
		}
		if c.name == "sent" && !strings.Contains(m.copied[0]["CopySource"].(string), "/runs/e-1/") {
			t.Errorf("the run is not named after the execution: %v", m.copied)
		}
	}
}

// What Lambda answers now and then is tried again more often than what the
// function says; in the end the execution fails.
func TestFunctionFails(t *testing.T) {
	for name, tries := range map[string]int{"Lambda.TooManyRequestsException": 6, "errorString": 3} {
		m := &machine{invoke: func(object) (object, error) { return nil, fail{name, "no"} }}
		if err := walked(t, audited(), object{"run": "r"}, m); err == nil || m.attempts["Audit"] != tries {
			t.Errorf("%s: tried again %d times, error %v, want %d and an error", name, m.attempts["Audit"], err, tries)
		}
	}
	failures := 2
	answer := whole(nil)
	m := &machine{invoke: func(e object) (object, error) {
		if failures--; failures >= 0 {
			return nil, fail{"errorString", "SNS refused"}
		}
		a, err := answer(e)
		a["account"] = "111122223333"
		return a, err
	}}
	if err := walked(t, audited(), object{"run": "r"}, m); err != nil || m.attempts["Audit"] != 2 {
		t.Errorf("tried again %d times, error %v", m.attempts["Audit"], err)
	}
}

// organization is an organisation of n accounts, of which some fail whatever is
// tried.
func organizationOf(n int, parts map[string]int, fails ...string) *machine {
	const key = "audit/o-exampleorgid/runs/r-1/items.json"
	var items []object
	for i := range n {
		items = append(items, object{"mode": "member", "run": "r-1", "organization": "o-exampleorgid", "account": fmt.Sprintf("%012d", i+1), "name": "n", "began": "2026-11-26T06:00:00Z"})
	}
	text, _ := json.Marshal(items)
	answer := whole(parts)
	return &machine{items: map[string]string{key: string(text)}, invoke: func(e object) (object, error) {
		account, _ := e["account"].(string)
		switch {
		case e["mode"] == "list":
			return object{"mode": "list", "run": e["run"], "organization": "o-exampleorgid", "continue": false, "items": []any{object{"mode": "member"}}, "items_key": key}, nil
		case slices.Contains(fails, account):
			return nil, fail{"errorString", "S3 refused"}
		case e["mode"] == "reduce" && e["organization"] != "o-exampleorgid", e["run"] != "r-1":
			return nil, fail{"errorString", fmt.Sprint("not as the function wants it: ", e)}
		}
		return answer(e)
	}}
}

func TestOrganizationInOrder(t *testing.T) {
	m := organizationOf(3, map[string]int{"000000000002": 2})
	if err := walked(t, everybody(), object{"run": "r-1"}, m); err != nil {
		t.Fatal(err)
	}
	want := []string{"list", "member 000000000001", "member 000000000002", "member 000000000002 1", "member 000000000002 2", "member 000000000003", "reduce", "copy"}
	if !slices.Equal(m.calls, want) {
		t.Errorf("calls %q, want %q", m.calls, want)
	}
	if m.copied[0]["Key"] != "tables/findings/day=2026-11-26/o-exampleorgid-r-1.csv" {
		t.Errorf("copied %v", m.copied)
	}
}

// The report is made whatever failed. One of ten is tolerated, two are an
// execution that failed.
func TestOrganizationWithFailures(t *testing.T) {
	last := func(m *machine) string { return strings.Join(m.calls[len(m.calls)-2:], " ") }
	m := organizationOf(10, nil, "000000000004")
	if err := walked(t, everybody(), object{"run": "r-1"}, m); err != nil || last(m) != "reduce copy" {
		t.Errorf("one of ten: error %v, calls %q", err, m.calls)
	}
	m = organizationOf(10, nil, "000000000004", "000000000007")
	err := walked(t, everybody(), object{"run": "r-1"}, m)
	if err == nil || !strings.HasPrefix(err.Error(), "Mfawatch.MembersFailed: ") || last(m) != "reduce copy" {
		t.Errorf("two of ten: error %v, calls %q", err, m.calls)
	}
	m = organizationOf(1, nil)
	m.items = nil
	if err := walked(t, everybody(), object{"run": "r-1"}, m); err == nil || !slices.Contains(m.calls, "reduce") {
		t.Errorf("without items: error %v, calls %q", err, m.calls)
	}
}

// TestDefinitionSpeaksAsTheFunction reads the names that functions/audit gives
// its events and results: its package cannot be imported.
func TestDefinitionSpeaksAsTheFunction(t *testing.T) {
	source, err := os.ReadFile("../../functions/audit/event.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(source), "type Event struct {")
	event, rest, _ := strings.Cut(text, "\n}")
	_, rest, _ = strings.Cut(rest, "type Result struct {")
	result, _, _ := strings.Cut(rest, "\n}")
	named := func(where, name string) bool {
		return regexp.MustCompile("`json:\"" + name + "[,\"]").MatchString(where)
	}
	paths, payloads := regexp.MustCompile(`\$\.(?:Payload\.|reduced\.result\.|event\.)?([a-z_]+)`), regexp.MustCompile(`"(?:Payload|event)":\{([^}]*)\}`)
	own := []string{"event", "reduced", "failed"} // what the definition itself puts beside the result
	for _, d := range []config.Deployment{audited(), everybody()} {
		definition := (&builder{d: d, names: namesOf(d)}).definition()
		for _, p := range paths.FindAllStringSubmatch(definition, -1) {
			if !slices.Contains(own, p[1]) && !named(result, p[1]) {
				t.Errorf("%s is in no result of the function", p[0])
			}
		}
		sent := payloads.FindAllStringSubmatch(definition, -1)
		for _, payload := range sent {
			for _, field := range regexp.MustCompile(`"([a-z_]+)(?:\.\$)?":`).FindAllStringSubmatch(payload[1], -1) {
				if !named(event, field[1]) {
					t.Errorf("%s is in no event of the function: %s", field[1], payload[0])
				}
			}
			if mode := regexp.MustCompile(`"mode":"([a-z]+)"`).FindStringSubmatch(payload[1]); mode == nil || !strings.Contains(string(source), `Mode = "`+mode[1]+`"`) {
				t.Errorf("the function has no mode of %s", payload[0])
			}
		}
		if want := map[config.Mode]int{config.OneAccount: 1, config.Organizational: 2}[d.Mode]; len(sent) != want {
			t.Errorf("%d payloads were read, want %d", len(sent), want)
		}
	}
}

func TestDefinitionIsTheSameEveryTime(t *testing.T) {
	for _, d := range []config.Deployment{audited(), everybody()} {
		b := &builder{d: d, names: namesOf(d)}
		first := b.definition()
		for range 20 {
			if got := b.definition(); got != first {
				t.Fatalf("another definition:\n%s\n%s", first, got)
			}
		}
	}
}
