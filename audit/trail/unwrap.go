package trail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
)

// maxDeep bounds how many containers may stand around a record. Real ones have
// at most five (SQS, SNS, EventBridge …).
const maxDeep = 10

// part is one member of an object.
type part struct {
	key   string
	value []byte
}

// parts are an object's members.
type parts []part

// get gives the value of the last member of that name, as encoding/json would
// keep it; nil when there is none.
func (p parts) get(key string) []byte {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].key == key {
			return p[i].value
		}
	}
	return nil
}

func (p parts) text(key string) string { return unquote(p.get(key)) }

func (p parts) list(key string) []byte   { return p.ofKind(key, '[') }
func (p parts) object(key string) []byte { return p.ofKind(key, '{') }
func (p parts) string(key string) []byte { return p.ofKind(key, '"') }

func (p parts) ofKind(key string, first byte) []byte {
	if v := p.get(key); len(v) > 0 && v[0] == first {
		return v
	}
	return nil
}

// known are the members by which an object is told and taken apart. Others are
// not kept: an object may have millions.
var known = func() map[string]string {
	m := map[string]string{}
	for _, k := range slices.Concat(listKeys, textKeys, []string{
		"eventName", "eventSource", "eventType", "eventname", "eventsource", "insightDetails",
		"s3", "s3ObjectKey", "Event", "digestStartTime", "digestS3Bucket", "messageType",
		"detail", "bucket", "object", "Sns", "awslogs", "kinesis", "recordId", "data", "field", "value",
	}) {
		m[k] = k
	}
	return m
}()

// split gives the known members of an object; false when it is malformed.
func split(object []byte) (parts, bool) {
	ps := make(parts, 0, 8)
	end, ok := members(object, 0, func(key []byte, start, end int) {
		if name, ok := known[string(bare(key))]; ok {
			ps.set(name, object[start:end])
		}
	})
	// Exports that fold case (Athena, SIEM copies) write these so.
	ps.orElse("eventName", "eventname")
	ps.orElse("eventSource", "eventsource")
	return ps, ok && end == len(object)
}

func (p *parts) set(key string, value []byte) {
	for i := range *p {
		if (*p)[i].key == key {
			(*p)[i].value = value
			return
		}
	}
	*p = append(*p, part{key, value})
}

func (p *parts) orElse(key, other string) {
	if v := p.get(other); v != nil && p.get(key) == nil {
		*p = append(*p, part{key, v})
	}
}

// isRecord tells whether the object is a CloudTrail record. The elements of
// some Lambda batches have an eventName too; their eventSource is aws:kinesis,
// aws:dynamodb and so on, a record's the name of a service's host.
func (p parts) isRecord() bool {
	return p.get("eventName") != nil && !p.isNotification() && p.object("kinesis") == nil &&
		!strings.HasPrefix(p.text("eventSource"), "aws:")
}

func (p parts) isNotification() bool {
	return p.object("s3") != nil || p.get("s3ObjectKey") != nil || p.text("Event") == "s3:TestEvent"
}

// value takes one value that stands where a record may: a record, a container
// of records, or a JSON string that holds either.
func (s *Scanner) value(v []byte, deep int) {
	if deep > maxDeep {
		s.damage(0, deep, "containers nested more than 10 deep")
		return
	}
	switch v[0] {
	case '{':
		s.object(v, deep)
	case '[':
		s.list(v, deep)
	case '"':
		s.inner(bare(v), deep)
	default:
		s.stray(v)
	}
}

func (s *Scanner) list(v []byte, deep int) {
	end, ok := elements(v, 0, func(start, end int) bool {
		s.element(v, start, end, deep+1)
		return true
	})
	if !ok {
		s.damage(s.at+end, deep, "malformed JSON")
	}
}

func (s *Scanner) object(v []byte, deep int) {
	ps, ok := split(v)
	switch {
	case !ok:
		s.unreadable(v)
	case ps.isNotification():
		s.kind(KindNotification)
	case ps.isRecord():
		s.record(v, ps)
	case ps.get("insightDetails") != nil, ps.text("eventType") == "AwsCloudTrailInsight":
		s.kind(KindInsight)
	case ps.get("digestStartTime") != nil, ps.get("digestS3Bucket") != nil:
		s.kind(KindDigest)
	case ps.text("messageType") == "CONTROL_MESSAGE":
		s.kind(KindControlMessage)
	case ps.object("detail") != nil:
		s.detail(ps.object("detail"), deep)
	default:
		s.container(v, ps, deep)
	}
}

func (s *Scanner) record(v []byte, ps parts) {
	s.stats.Records++
	name := ps.text("eventName")
	// One without a name in text cannot be told from a wanted one.
	if s.all || name == "" || s.wants.match(name, ps.text("eventSource"), v) {
		s.yield(v)
	}
}

// detail takes the detail of an EventBridge event. Some come from no trail
// (aws.signin also sends a Sign-in Anomaly Alert) or say that S3 has a new
// object.
func (s *Scanner) detail(detail []byte, deep int) {
	ps, ok := split(detail)
	switch {
	case !ok:
		s.unreadable(detail)
	case ps.isRecord():
		s.value(detail, deep+1)
	case ps.object("bucket") != nil && ps.object("object") != nil:
		s.kind(KindNotification)
	default:
		s.kind(KindEvent)
	}
}

// container looks into the wrappings of events.md's list.
func (s *Scanner) container(v []byte, ps parts, deep int) {
	for _, key := range listKeys {
		if list := ps.list(key); list != nil {
			s.list(list, deep)
			return
		}
	}
	for _, key := range textKeys {
		if text := ps.string(key); text != nil {
			s.inner(bare(text), deep)
			return
		}
		if object := ps.object(key); object != nil { // a pipe or a console has parsed the text
			s.value(object, deep+1)
			return
		}
	}
	s.wrapped(v, ps, deep)
}

func (s *Scanner) wrapped(v []byte, ps parts, deep int) {
	switch {
	case ps.object("Sns") != nil:
		s.value(ps.object("Sns"), deep+1)
	case ps.object("awslogs") != nil:
		s.encoded(ps.object("awslogs"), deep)
	case ps.object("kinesis") != nil:
		s.encoded(ps.object("kinesis"), deep)
	case ps.text("recordId") != "" && ps.string("data") != nil: // Firehose
		s.encoded(v, deep)
	case ps.text("field") == "@message":
		s.inner(bare(ps.get("value")), deep)
	case ps.text("field") != "": // another cell of a Logs Insights row
	default:
		s.kind(KindOther)
		s.stray(v)
	}
}

// inner reads a text that stood inside a JSON string.
func (s *Scanner) inner(text []byte, deep int) {
	if i := skipSpace(text, 0); i == len(text) || text[i] != '{' && text[i] != '[' && text[i] != '"' {
		s.kind(KindOther)
		s.stray(text)
		return
	}
	s.texts(text, deep+1)
}

// encoded reads the base64 member data of v, which may be compressed.
func (s *Scanner) encoded(v []byte, deep int) {
	ps, _ := split(v)
	data := bare(ps.get("data"))
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	n, err := base64.StdEncoding.Decode(raw, data)
	if err != nil {
		s.unreadable(v)
		s.damage(0, deep+1, "data is not base64")
		return
	}
	text, err := s.inflate(raw[:n])
	if err != nil {
		s.damage(0, deep+1, err.Error())
	}
	if len(text) > 0 || err == nil {
		s.held += len(text)
		s.inner(text, deep)
		s.held -= len(text)
	}
}

// wrappedRatio bounds what all wrapped texts of an input inflate to: so many
// times its stored bytes, plus MaxText. Trails reach 20.
const wrappedRatio = 32

// inflate decompresses a wrapped text. What wrapped texts inflate to is bounded
// for the input as a whole, and what is held of them at a time by MaxText: a
// small file can hold many bombs, one inside the other.
func (s *Scanner) inflate(raw []byte) ([]byte, error) {
	if !gzipped(raw) {
		return raw, nil
	}
	left := int64(s.maxText) + wrappedRatio*s.counted.n - s.inflated
	limit := min(s.maxText-s.held, int(left))
	if limit <= 0 {
		return nil, errTooMuch
	}
	if s.unzip == nil {
		s.unzip = &gzipMembers{}
	}
	s.unzip.reset(bytes.NewReader(raw))
	room := isize(raw[len(raw)-min(len(raw), 4):], int64(len(raw)))
	text := bytes.NewBuffer(make([]byte, 0, min(room, limit)+bytes.MinRead))
	_, err := text.ReadFrom(io.LimitReader(s.unzip, int64(limit)+1))
	s.inflated += int64(text.Len())
	if text.Len() > limit {
		text.Truncate(limit)
		return text.Bytes(), errTooMuch
	}
	return text.Bytes(), err
}

var errTooMuch = errors.New("wrapped texts inflate to far more than trails do")

// stray is a value that stands where a record should and is none.
func (s *Scanner) stray(v []byte) {
	if s.all && len(v) > 0 {
		s.yield(v)
	}
}

// unreadable is an object that breaks the rules of JSON inside. It may be what
// the caller looks for, so it is handed over.
func (s *Scanner) unreadable(v []byte) {
	s.stats.Records++
	s.yield(v)
}
