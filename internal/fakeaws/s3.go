package fakeaws

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bucket is a bucket of S3 that is read: listings in order, whole objects and
// ranges of them.
type Bucket struct {
	Region  string
	Objects map[string]*Object
}

// Object is an object of a bucket.
type Object struct {
	Body []byte
	// Refuse is the code that GetObject answers instead, with Message: AccessDenied,
	// InvalidObjectState, NoSuchKey.
	Refuse, Message string
	// Cuts are after how many bytes of it one answer after the other breaks off.
	// It takes a socket to show it.
	Cuts []int
	// NoRange is an object behind something that knows no ranges.
	NoRange bool
}

// Bucket adds a bucket.
func (s *Server) Bucket(name, region string) *Bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Buckets == nil {
		s.Buckets = map[string]*Bucket{}
	}
	s.Buckets[name] = &Bucket{Region: region, Objects: map[string]*Object{}}
	return s.Buckets[name]
}

// Put adds an object.
func (b *Bucket) Put(key string, body []byte) *Object {
	b.Objects[key] = &Object{Body: body}
	return b.Objects[key]
}

func (o *Object) etag() string { return fmt.Sprintf(`"%x"`, md5.Sum(o.Body)) }

// rest names what a request of a REST protocol asks.
func (q *request) rest(r *http.Request, body []byte) {
	switch {
	case q.service == "account":
		q.action = strings.ToUpper(r.URL.Path[1:2]) + r.URL.Path[2:]
		_ = json.Unmarshal(body, &q.body)
	case r.Method == http.MethodHead:
		q.action = "HeadBucket"
	case r.URL.Query().Has("list-type"):
		q.action, q.path = "ListObjectsV2", r.URL.Query().Get("prefix")
	default:
		q.action = "GetObject"
		_, q.path = address(r)
	}
}

// key is what a call is about, as far as a Call tells it.
func (q *request) key() string {
	if q.service == "cloudtrail" {
		_, value := attribute(q.body)
		return value
	}
	return q.path
}

// address takes bucket and key out of the host (BUCKET.s3.REGION.amazonaws.com)
// or the path.
func address(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket, _, ok := strings.Cut(r.Host, ".s3."); ok {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// s3Answer is an answer that is written once the lock is given back.
type s3Answer struct {
	status int
	body   []byte
	cut    int // 0: not
}

func (s *Server) serveS3(w http.ResponseWriter, r *http.Request, call Call, no *refusal) {
	a := s.s3(w, r, call, no)
	if a.cut == 0 || a.cut >= len(a.body) {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(a.body)
		}
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:a.cut])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler) // breaks the connection off
}

func (s *Server) s3(w http.ResponseWriter, r *http.Request, call Call, no *refusal) s3Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, key := address(r)
	b := s.Buckets[name]
	if no == nil {
		no = s.fault(call)
	}
	if b != nil {
		w.Header().Set("X-Amz-Bucket-Region", b.Region)
	}
	switch {
	case no != nil:
	case b == nil:
		no = refuse(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	case b.Region != call.Region:
		no = refuse(http.StatusMovedPermanently, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.")
	case call.Action == "s3:GetObject":
		return b.get(w, r, key)
	case call.Action == "s3:ListObjectsV2":
		w.Header().Set("Content-Type", "application/xml")
		return s3Answer{status: http.StatusOK, body: []byte(b.list(r, s.PageSize))}
	default:
		return s3Answer{status: http.StatusOK}
	}
	return no.s3(w)
}

func (r *refusal) s3(w http.ResponseWriter) s3Answer {
	w.Header().Set("Content-Type", "application/xml")
	return s3Answer{status: r.status, body: []byte("<Error>" + element("Code", r.code) + element("Message", r.message) + element("RequestId", requestID) + "</Error>")}
}

// get answers with the object or a range to its end.
func (b *Bucket) get(w http.ResponseWriter, r *http.Request, key string) s3Answer {
	o := b.Objects[key]
	switch {
	case o == nil:
		return refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.").s3(w)
	case o.Refuse != "":
		return refuse(http.StatusForbidden, o.Refuse, "%s", o.Message).s3(w)
	case r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != o.etag():
		return refuse(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold").s3(w)
	}
	a := s3Answer{status: http.StatusOK, body: o.Body}
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && !o.NoRange {
		n, err := strconv.Atoi(strings.TrimSuffix(from, "-"))
		if err != nil || n >= len(o.Body) {
			return refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable").s3(w)
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", n, len(o.Body)-1, len(o.Body)))
		a.status, a.body = http.StatusPartialContent, o.Body[n:]
	}
	if len(o.Cuts) > 0 {
		a.cut, o.Cuts = o.Cuts[0], o.Cuts[1:]
	}
	w.Header().Set("ETag", o.etag())
	w.Header().Set("Content-Type", "application/json")
	if bytes.HasPrefix(o.Body, []byte{0x1f, 0x8b}) {
		w.Header().Set("Content-Encoding", "gzip") // as CloudTrail stores them
	}
	return a
}

// list is a page of keys in order. The token is the last name of the page before.
func (b *Bucket) list(r *http.Request, most int) string {
	q := r.URL.Query()
	prefix, delimiter := q.Get("prefix"), q.Get("delimiter")
	after := max(q.Get("start-after"), q.Get("continuation-token"))
	if most == 0 || most > 1000 {
		most = 1000
	}
	var out strings.Builder
	seen, last, more := "", "", false
	n := 0
	for _, key := range slices.Sorted(maps.Keys(b.Objects)) {
		rest, ok := strings.CutPrefix(key, prefix)
		folder := ""
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			folder = prefix + rest[:i+len(delimiter)]
		}
		if !ok || key <= after || folder != "" && (folder == seen || folder == after) {
			continue
		}
		if more = n == most; more {
			break
		}
		n++
		if folder != "" {
			seen, last = folder, folder
			out.WriteString(wrap("CommonPrefixes", element("Prefix", folder)))
			continue
		}
		o := b.Objects[key]
		last = key
		out.WriteString(wrap("Contents", element("Key", key)+element("ETag", o.etag())+element("Size", strconv.Itoa(len(o.Body)))+
			element("LastModified", epoch().Format(time.RFC3339))+element("StorageClass", "STANDARD")))
	}
	if more {
		out.WriteString(element("NextContinuationToken", last))
	}
	return "<ListBucketResult>" + out.String() + element("IsTruncated", strconv.FormatBool(more)) + element("KeyCount", strconv.Itoa(n)) + "</ListBucketResult>"
}
