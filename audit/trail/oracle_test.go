package trail

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
)

// oracle answers the scanner's question the slow way, with encoding/json and
// the standard library's gzip alone: every text is decoded in full.
type oracle struct {
	wants   []Want
	all     bool
	records [][]byte // what the scanner must hand over, in order
	count   int
	whole   []byte // the text of the whole input
	unseen  bool   // it has what no search for eventName sees: base64, or keys in lower case
}

// onTrust tells whether the scanner may hand over less: it takes on trust that
// a text which begins and ends as a log file does is one.
func (o *oracle) onTrust() bool { return o.unseen && opensAsLog(o.whole) && closesAsLog(o.whole) }

var errNotReadable = errors.New("the oracle cannot read it")

// read gives an error when the input, or anything in it that may hold a record,
// is not valid.
func (o *oracle) read(input []byte) error {
	text, err := stdInflate(input)
	for layers := 0; layers < maxLayers && err == nil && (gzipped(text) || wide(text)); layers++ {
		if text, err = stdInflate(text); wide(text) {
			text = narrow(text)
		}
	}
	if err != nil || gzipped(text) || wide(text) {
		return errNotReadable
	}
	o.whole = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	return o.texts(o.whole, 0)
}

func narrow(b []byte) []byte {
	var units []uint16
	for i := 2; i+1 < len(b); i += 2 {
		if b[0] == 0xff {
			units = append(units, uint16(b[i])|uint16(b[i+1])<<8)
		} else {
			units = append(units, uint16(b[i+1])|uint16(b[i])<<8)
		}
	}
	return []byte(string(utf16.Decode(units)))
}

func stdInflate(b []byte) ([]byte, error) {
	if !gzipped(b) {
		return b, nil
	}
	r := bytes.NewReader(b)
	var out []byte
	for {
		if rest := b[len(b)-r.Len():]; len(rest) > 3 && rest[3]&0xe0 != 0 {
			return nil, stdgzip.ErrHeader // reserved flags (RFC 1952): the standard library does not mind
		}
		z, err := stdgzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		z.Multistream(false)
		text, err := io.ReadAll(z)
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
		rest := b[len(b)-r.Len():]
		padding := len(rest) - len(bytes.TrimLeft(rest, "\x00"))
		if padding == len(rest) {
			return out, nil
		}
		r.Seek(int64(len(b)-len(rest)+padding), io.SeekStart)
	}
}

func (o *oracle) texts(b []byte, deep int) error {
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		var v json.RawMessage
		err := d.Decode(&v)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errNotReadable
		}
		if err := o.text(v, deep); err != nil {
			return err
		}
	}
}

func (o *oracle) text(v []byte, deep int) error {
	switch v[0] {
	case '{':
		if ps := pairs(v); len(ps) > 0 && ps[0].value[0] == '[' && bytes.HasPrefix(bytes.TrimLeft(v[1:], " \t\r\n"), []byte(`"Records"`)) {
			return o.log(ps, deep)
		}
		return o.value(v, deep)
	case '[':
		return o.each(v, deep)
	case '"':
		return o.value(v, deep)
	}
	return errNotReadable // a lone scalar: the scanner calls that damage
}

// log reads a log file's text: all lists called Records, and nothing else.
func (o *oracle) log(ps []pair, deep int) error {
	for _, p := range ps {
		if p.key == "Records" && p.value[0] == '[' {
			if err := o.each(p.value, deep); err != nil {
				return err
			}
		}
	}
	return nil
}

type pair struct {
	key   string
	value json.RawMessage
}

func pairs(v []byte) []pair {
	d := json.NewDecoder(bytes.NewReader(v))
	_, _ = d.Token()
	var ps []pair
	for d.More() {
		k, _ := d.Token()
		var p pair
		p.key, _ = k.(string)
		_ = d.Decode(&p.value)
		ps = append(ps, p)
	}
	return ps
}

func list(v []byte) []json.RawMessage {
	var l []json.RawMessage
	_ = json.Unmarshal(v, &l)
	return l
}

func (o *oracle) each(v []byte, deep int) error {
	for _, x := range list(v) {
		if err := o.value(x, deep); err != nil {
			return err
		}
	}
	return nil
}

func (o *oracle) value(v []byte, deep int) error {
	if deep > maxDeep {
		return errNotReadable
	}
	switch v[0] {
	case '[':
		return o.each(v, deep+1)
	case '{':
		return o.object(v, deep)
	case '"':
		var s string
		_ = json.Unmarshal(v, &s)
		return o.inner(s, deep)
	}
	o.stray(v)
	return nil
}

func (o *oracle) inner(s string, deep int) error {
	t := bytes.TrimLeft([]byte(s), " \t\r\n")
	if len(t) == 0 || t[0] != '{' && t[0] != '[' && t[0] != '"' {
		o.stray([]byte(s))
		return nil
	}
	return o.texts([]byte(s), deep+1)
}

func (o *oracle) stray(v []byte) {
	if o.all && len(v) > 0 {
		o.records = append(o.records, v)
	}
}

func (o *oracle) object(v []byte, deep int) error {
	m := map[string]json.RawMessage{}
	for _, p := range pairs(v) {
		m[p.key] = p.value
	}
	o.lower(m)
	return o.shape(v, m, deep)
}

func kindOf(v []byte, c byte) bool { return len(v) > 0 && v[0] == c }

func str(v []byte) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// lower lets keys that a store wrote in lower case stand for the real ones.
func (o *oracle) lower(m map[string]json.RawMessage) {
	for key, other := range map[string]string{"eventName": "eventname", "eventSource": "eventsource"} {
		if m[key] == nil && m[other] != nil {
			m[key], o.unseen = m[other], true
		}
	}
}

func isNews(m map[string]json.RawMessage) bool {
	return kindOf(m["s3"], '{') || m["s3ObjectKey"] != nil || str(m["Event"]) == "s3:TestEvent"
}

func isCloudTrail(m map[string]json.RawMessage) bool {
	return m["eventName"] != nil && !isNews(m) && !kindOf(m["kinesis"], '{') && !strings.HasPrefix(str(m["eventSource"]), "aws:")
}

func (o *oracle) shape(v []byte, m map[string]json.RawMessage, deep int) error {
	switch {
	case isNews(m):
	case isCloudTrail(m):
		o.record(v, m)
	case m["insightDetails"] != nil, str(m["eventType"]) == "AwsCloudTrailInsight":
	case m["digestStartTime"] != nil, m["digestS3Bucket"] != nil:
	case str(m["messageType"]) == "CONTROL_MESSAGE":
	case kindOf(m["detail"], '{'):
		var d map[string]json.RawMessage
		_ = json.Unmarshal(m["detail"], &d)
		if o.lower(d); isCloudTrail(d) {
			return o.value(m["detail"], deep+1)
		}
	default:
		return o.container(v, m, deep)
	}
	return nil
}

func (o *oracle) record(v []byte, m map[string]json.RawMessage) {
	o.count++
	name, source := str(m["eventName"]), str(m["eventSource"])
	var decoded any
	_ = json.Unmarshal(v, &decoded)
	plain, _ := json.Marshal(decoded)
	wanted := o.all || name == ""
	for _, w := range o.wants {
		if w.Name == name && (strings.HasPrefix(source+".", strings.Split(w.Source, ".")[0]+".") || source == "") && (w.Key == "" || bytes.Contains(plain, []byte(w.Key)) || bytes.Contains(v, []byte(w.Key))) {
			wanted = true
		}
	}
	if wanted {
		o.records = append(o.records, v)
	}
}

func (o *oracle) container(v []byte, m map[string]json.RawMessage, deep int) error {
	for _, k := range []string{"Records", "Events", "logEvents", "events", "records", "Messages", "results"} {
		if kindOf(m[k], '[') {
			return o.each(m[k], deep+1)
		}
	}
	for _, k := range []string{"CloudTrailEvent", "body", "Body", "Message", "message", "@message"} {
		if kindOf(m[k], '"') {
			return o.inner(str(m[k]), deep)
		}
		if kindOf(m[k], '{') {
			return o.value(m[k], deep+1)
		}
	}
	switch {
	case kindOf(m["Sns"], '{'):
		return o.value(m["Sns"], deep+1)
	case kindOf(m["awslogs"], '{'):
		return o.encoded(m["awslogs"], deep)
	case kindOf(m["kinesis"], '{'):
		return o.encoded(m["kinesis"], deep)
	case str(m["recordId"]) != "" && kindOf(m["data"], '"'):
		return o.encoded(v, deep)
	case str(m["field"]) == "@message":
		return o.inner(str(m["value"]), deep)
	case str(m["field"]) != "":
		return nil
	}
	o.stray(v)
	return nil
}

func (o *oracle) encoded(v []byte, deep int) error {
	o.unseen = true
	var m map[string]json.RawMessage
	_ = json.Unmarshal(v, &m)
	raw, err := base64.StdEncoding.DecodeString(str(m["data"]))
	if err != nil {
		return errNotReadable
	}
	text, err := stdInflate(raw)
	if err != nil {
		return errNotReadable
	}
	return o.inner(string(text), deep)
}

// jsonEnd gives where encoding/json ends the value at the start of b.
func jsonEnd(b []byte) (int, bool) {
	if len(b) == 0 || space(b[0]) {
		return 0, false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	var v json.RawMessage
	if d.Decode(&v) != nil {
		return 0, false
	}
	return int(d.InputOffset()), true
}
