package trail

import (
	"bytes"
	"encoding/base64"
	"io"
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

func split(object []byte) (parts, bool) {
	ps := make(parts, 0, 24)
	_, ok := members(object, 0, func(key string, start, end int) {
		ps = append(ps, part{key, object[start:end]})
	})
	return ps, ok
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
		s.inner([]byte(unquote(v)), deep)
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
	case ps.object("s3") != nil, ps.get("s3ObjectKey") != nil, ps.text("Event") == "s3:TestEvent":
		s.kind(KindNotification)
	case ps.get("eventName") != nil:
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
	if s.all || s.wants.match(ps.text("eventName"), ps.text("eventSource"), v) {
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
	case ps.get("eventName") != nil:
		s.value(detail, deep+1)
	case ps.object("bucket") != nil && ps.object("object") != nil:
		s.kind(KindNotification)
	default:
		s.kind(KindOther)
	}
}

// container looks into the wrappings of events.md's list.
func (s *Scanner) container(v []byte, ps parts, deep int) {
	// Lists of records or of wrapped records: a log file or a Lambda batch;
	// LookupEvents; CloudWatch Logs (subscription, then its API); Firehose; SQS.
	for _, key := range []string{"Records", "Events", "logEvents", "events", "records", "Messages", "results"} {
		if list := ps.list(key); list != nil {
			s.list(list, deep)
			return
		}
	}
	// Texts that hold a record: LookupEvents; SQS (Lambda, then its API); SNS to
	// SQS; a log event; a Logs Insights cell.
	for _, key := range []string{"CloudTrailEvent", "body", "Body", "Message", "message", "@message"} {
		if text := ps.string(key); text != nil {
			s.inner([]byte(unquote(text)), deep)
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
		s.inner([]byte(ps.text("value")), deep)
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
	raw, err := base64.StdEncoding.DecodeString(ps.text("data"))
	if err != nil {
		s.unreadable(v)
		s.damage(0, deep+1, "data is not base64")
		return
	}
	text, err := inflate(raw, s.maxText)
	if err != nil {
		s.damage(0, deep+1, err.Error())
	}
	s.texts(text, deep+1)
}

func inflate(raw []byte, limit int) ([]byte, error) {
	if !gzipped(raw) {
		return raw, nil
	}
	z := newMembers(bytes.NewReader(raw))
	text, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	if len(text) > limit {
		return text[:limit], tooLarge(limit)
	}
	return text, err
}

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
