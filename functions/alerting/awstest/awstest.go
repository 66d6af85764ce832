// Package awstest stands in for the AWS that the functions talk to, on one
// address of this machine: DynamoDB, SNS, S3 that is written to; internal/fakeaws
// answers the rest, IAM, STS and Organizations among it. Only tests,
// internal/bench and internal/faults import it.
//
// It promises that what the real binaries send arrives here over the real wire.
// What DynamoDB's conditions mean is deliverytest.Memory's, so this is no proof
// of them: internal/dynamo is held against DynamoDB itself.
package awstest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
	"mfawatch/internal/fakeaws"
)

// Server is the stand-in.
type Server struct {
	Reads  *fakeaws.Server // buckets that are read
	Memory *deliverytest.Memory
	Topic  *deliverytest.Topic
	URL    string
	// Before, where set, is asked before each call, "dynamodb:UpdateItem"; an
	// answer other than 0 is the status that the call fails with.
	Before func(call string) int

	http  *httptest.Server
	mu    sync.Mutex
	kept  map[string][]byte // what was written to S3, by bucket/key
	calls map[string]int
}

// Start starts a stand-in for an account.
func Start(account string) *Server {
	s := &Server{
		Reads: fakeaws.New(fakeaws.NewAccount(account)), Memory: deliverytest.NewMemory(), Topic: &deliverytest.Topic{},
		kept: map[string][]byte{}, calls: map[string]int{},
	}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s
}

// Close ends it.
func (s *Server) Close() { s.http.Close() }

// Kept is what was written to S3, by BUCKET/KEY.
func (s *Server) Kept() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string][]byte{}
	for k, v := range s.kept {
		all[k] = v
	}
	return all
}

// Calls is how often something was called.
func (s *Server) Calls(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, action := asked(r)
	call := service + ":" + action
	s.mu.Lock()
	s.calls[call]++
	s.mu.Unlock()
	if s.Before != nil {
		if status := s.Before(call); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	switch service {
	case dynamodb:
		s.table(w, r, action)
	case sns:
		s.publish(w, r)
	case "s3":
		s.object(w, r)
	default:
		s.Reads.ServeHTTP(w, r)
	}
}

// service is the one that a signature of version 4 names:
// Credential=KEY/DATE/REGION/SERVICE/aws4_request.
func service(r *http.Request) string {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(scope, "/")
	return parts[max(len(parts)-2, 0)]
}

func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("Action") != "Publish" || r.PostForm.Get("MessageStructure") != "json" {
		http.Error(w, "not a Publish of a message of protocols", http.StatusBadRequest)
		return
	}
	id, _ := s.Topic.Publish(r.Context(), r.PostForm.Get("Subject"), r.PostForm.Get("Message"), attributes(r.PostForm))
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>%s</MessageId></PublishResult></PublishResponse>`, id)
}

// attributes are a message's (SNS API reference, Publish, MessageAttributes).
func attributes(form url.Values) map[string]string {
	all := map[string]string{}
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name := form.Get(entry + "Name")
		if name == "" {
			return all
		}
		all[name] = form.Get(entry + "Value.StringValue")
	}
}

// object keeps what is written and gives it back; the rest is fakeaws's.
func (s *Server) object(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	body, ok := s.kept[key]
	s.mu.Unlock()
	switch {
	case r.Method == http.MethodPut && ok && r.Header.Get("If-None-Match") == "*":
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil { // who wrote it died: S3 keeps an object whole or not at all
			return
		}
		s.mu.Lock()
		s.kept[key] = unchunked(r, body)
		s.mu.Unlock()
	case r.Method == http.MethodGet && ok:
		_, _ = w.Write(body)
	case r.Method == http.MethodGet && strings.HasPrefix(key, "evidence/"):
		refuse(w, http.StatusNotFound, "NoSuchKey")
	default:
		s.Reads.ServeHTTP(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused</Message></Error>", code)
}

// unchunked takes a body out of aws-chunked (S3 API reference, Signature
// Calculations: Transferring Payload in Multiple Chunks).
func unchunked(r *http.Request, body []byte) []byte {
	if !strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return body
	}
	var whole []byte
	for text := string(body); ; {
		head, rest, ok := strings.Cut(text, "\r\n")
		size, _, _ := strings.Cut(head, ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if !ok || err != nil || n == 0 || int(n) > len(rest) {
			return whole
		}
		whole, text = append(whole, rest[:n]...), strings.TrimPrefix(rest[n:], "\r\n")
	}
}

// value is an attribute's value on the wire.
type value struct {
	S  string   `json:",omitempty"`
	N  string   `json:",omitempty"`
	SS []string `json:",omitempty"`
}

type request struct {
	Key                       map[string]value
	UpdateExpression          string
	ExpressionAttributeValues map[string]value
	RequestItems              map[string]struct{ Keys []map[string]value }
	ExclusiveStartKey         map[string]value
}

// table answers for DynamoDB: an update is known by what it sets, and done by
// the memory.
func (s *Server) table(w http.ResponseWriter, r *http.Request, action string) {
	var q request
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	switch action {
	case "UpdateItem":
		row, ok := s.update(r.Context(), q)
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": row})
			return
		}
		answer(w, map[string]any{"Attributes": row})
	case "BatchGetItem":
		s.batch(r.Context(), w, q)
	case "Query":
		s.query(r.Context(), w, q)
	default:
		http.Error(w, action, http.StatusBadRequest)
	}
}

// query is a page of the index.
func (s *Server) query(ctx context.Context, w io.Writer, q request) {
	keys, next, _ := s.Memory.Pending(ctx, millis(q, ":now"), q.ExclusiveStartKey["key"].S)
	items := []map[string]value{}
	for _, k := range keys {
		items = append(items, map[string]value{"key": {S: k}})
	}
	page := map[string]any{"Items": items, "Count": len(items)}
	if next != "" {
		page["LastEvaluatedKey"] = map[string]value{"key": {S: next}, "pending": {S: "digest"}}
	}
	answer(w, page)
}

func answer(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) }

func (s *Server) batch(ctx context.Context, w io.Writer, q request) {
	found := map[string][]map[string]value{}
	for table, asked := range q.RequestItems {
		found[table] = []map[string]value{}
		for _, k := range asked.Keys {
			rows, _ := s.Memory.State(ctx, []string{k["key"].S})
			for _, row := range rows {
				found[table] = append(found[table], item(row))
			}
		}
	}
	answer(w, map[string]any{"Responses": found, "UnprocessedKeys": map[string]any{}})
}

// update gives the row as it was, and whether the condition held.
func (s *Server) update(ctx context.Context, q request) (map[string]value, bool) {
	v := q.ExpressionAttributeValues
	l := delivery.Lease{Key: q.Key["key"].S, Owner: v[":owner"].S, Now: millis(q, ":now"), Until: millis(q, ":until"), Expires: time.Unix(number(v[":expires"].N), 0)}
	m := delivery.Mark{Rank: int(number(v[":rank"].N)), Reason: v[":reason"].S, MessageID: v[":message"].S, Digest: v[":digest"].S}
	var err error
	switch step(q.UpdateExpression) {
	case "claims.claim":
		a, err := s.Memory.Claim(ctx, l, m.Rank)
		return item(a.Row), err == nil && a.Took
	case "claims.admit":
		ok, _ := s.Memory.Admit(ctx, l.Key, v[":member"].S, int(number(v[":limit"].N)), l.Expires)
		return nil, ok
	case "claims.fold":
		err = s.Memory.Fold(ctx, l, m, []byte(v[":alert"].S), millis(q, ":ready"))
	case "claims.send":
		err = s.Memory.Send(ctx, l, m)
	case "claims.release":
		err = s.Memory.Release(ctx, l)
	default:
		row, ok, _ := s.Memory.Take(ctx, l)
		return item(row), ok
	}
	return nil, err == nil
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func millis(q request, name string) time.Time {
	return time.UnixMilli(number(q.ExpressionAttributeValues[name].N))
}

// item is a row on the wire, nil when there is none.
func item(r delivery.Row) map[string]value {
	if r.Key == "" {
		return nil
	}
	i := map[string]value{"key": {S: r.Key}}
	for name, text := range map[string]string{"state": string(r.State), "owner": r.Owner, "reason": r.Reason, "message_id": r.MessageID, "digest": r.Digest, "alert": string(r.Alert)} {
		if text != "" {
			i[name] = value{S: text}
		}
	}
	if r.Rank > 0 {
		i["rank"] = value{N: strconv.Itoa(r.Rank)}
	}
	for name, at := range map[string]time.Time{"lease_until": r.Until, "ready": r.Ready} {
		if !at.IsZero() {
			i[name] = value{N: strconv.FormatInt(at.UnixMilli(), 10)}
		}
	}
	return i
}
