package plumbing

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one request, taken apart. JSON protocols name the action in a header,
// query protocols in the form, Lambda in the path.
type call struct {
	w                       http.ResponseWriter
	r                       *http.Request
	service, region, action string
	body                    []byte
	form                    url.Values
}

func (c call) name() string { return c.service + ":" + c.action }

// read takes a request apart by its signature's scope:
// Credential=KEY/DATE/REGION/SERVICE/aws4_request.
func read(w http.ResponseWriter, r *http.Request) (call, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return call{}, err
	}
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(scope, "/")
	if len(parts) < 5 {
		return call{}, fmt.Errorf("no signature of version 4")
	}
	c := call{w: w, r: r, region: parts[2], service: parts[3], body: body}
	switch target := r.Header.Get("X-Amz-Target"); {
	case target != "":
		c.action = target[strings.LastIndex(target, ".")+1:]
	case c.service == "lambda":
		c.action = "ListEventSourceMappings"
		if strings.HasSuffix(r.URL.Path, "/concurrency") {
			c.action = "GetFunctionConcurrency"
		}
	default:
		if c.form, err = url.ParseQuery(string(body)); err != nil {
			return call{}, err
		}
		c.action = c.form.Get("Action")
	}
	return c, nil
}

func (c call) refuse(status int, code string) {
	if c.form != nil {
		c.w.Header().Set("Content-Type", "text/xml")
		c.w.WriteHeader(status)
		fmt.Fprintf(c.w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>private words of AWS</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code)
		return
	}
	c.w.Header().Set("X-Amzn-Errortype", code)
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	c.answer(map[string]any{"__type": code, "message": "private words of AWS"})
}

func (c call) answer(v any) { _ = json.NewEncoder(c.w).Encode(v) }

func (c call) xml(result string) {
	c.w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(c.w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", c.action, result)
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// asked decodes a JSON request.
func (c call) asked(into any) bool {
	if err := json.Unmarshal(c.body, into); err != nil {
		c.refuse(http.StatusBadRequest, "SerializationException")
		return false
	}
	return true
}

func (s *Server) events(c call) {
	var q struct {
		EventBusName, NamePrefix, Rule, NextToken string
		Entries                                   []struct{ Source, DetailType, Detail string }
	}
	if !c.asked(&q) {
		return
	}
	s.mu.Lock()
	rules := s.Rules[c.region+"/"+q.EventBusName]
	s.mu.Unlock()
	switch c.action {
	case "PutEvents":
		failed, entries := 0, []map[string]string(nil)
		for _, e := range q.Entries {
			if code := s.Refused[e.DetailType]; code != "" {
				failed++
				entries = append(entries, map[string]string{"ErrorCode": code, "ErrorMessage": "private words of AWS"})
				continue
			}
			entries = append(entries, map[string]string{"EventId": "e"})
			if s.Event != nil {
				s.Event(Event{c.region, e.Source, e.DetailType, e.Detail})
			}
		}
		c.answer(map[string]any{"FailedEntryCount": failed, "Entries": entries})
	case "ListRules":
		part, next := page(named(rules, q.NamePrefix), q.NextToken, s.Page)
		c.answer(map[string]any{"Rules": part, "NextToken": optional(next)})
	case "ListTargetsByRule":
		var found []map[string]any
		if i := slices.IndexFunc(rules, func(r Rule) bool { return r.Name == q.Rule }); i >= 0 {
			found = targets(rules[i])
		}
		part, next := page(found, q.NextToken, s.Page)
		c.answer(map[string]any{"Targets": part, "NextToken": optional(next)})
	}
}

// named are the rules whose names begin so.
func named(rules []Rule, prefix string) []map[string]any {
	var found []map[string]any
	for _, r := range rules {
		if strings.HasPrefix(r.Name, prefix) {
			found = append(found, map[string]any{"Name": r.Name, "State": r.State, "EventPattern": r.Pattern})
		}
	}
	return found
}

func targets(r Rule) []map[string]any {
	var all []map[string]any
	for i, t := range r.Targets {
		one := map[string]any{"Id": strconv.Itoa(i), "Arn": t.ARN}
		if t.Role != "" {
			one["RoleArn"] = t.Role
		}
		if t.DeadLetter != "" {
			one["DeadLetterConfig"] = map[string]string{"Arn": t.DeadLetter}
		}
		if t.Text != "" {
			one["InputTransformer"] = map[string]any{"InputTemplate": t.Text, "InputPathsMap": map[string]string{"x": "$.x"}}
		}
		if t.Input != "" {
			one["Input"] = t.Input
		}
		all = append(all, one)
	}
	return all
}

// optional is a text that is left out when there is none.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (q *Queue) put(body string) {
	q.messages = append(q.messages, &message{id: fmt.Sprintf("m-%d-%d", time.Now().UnixNano(), len(q.messages)), body: body, sent: time.Now()})
}

func (q *Queue) visible(most int) []*message {
	var got []*message
	for _, m := range q.messages {
		if len(got) < most && time.Now().After(m.hidden) {
			m.hidden = time.Now().Add(30 * time.Second)
			got = append(got, m)
		}
	}
	return got
}

func (q *Queue) remove(id string) bool {
	for i, m := range q.messages {
		if m.id == id {
			q.messages = append(q.messages[:i], q.messages[i+1:]...)
			return true
		}
	}
	return false
}

func (s *Server) queue(c call) {
	var q struct {
		QueueName, QueueURL string
		WaitTimeSeconds     int
		MaxNumberOfMessages int
		Entries             []struct{ ID, ReceiptHandle string }
	}
	if !c.asked(&q) {
		return
	}
	name := q.QueueName
	if name == "" {
		name = q.QueueURL[strings.LastIndex(q.QueueURL, "/")+1:]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.Queues[c.region+"/"+name]
	if queue == nil {
		c.refuse(http.StatusBadRequest, "QueueDoesNotExist")
		return
	}
	switch c.action {
	case "GetQueueUrl":
		c.answer(map[string]string{"QueueUrl": "https://sqs." + c.region + ".amazonaws.com/111122223333/" + name})
	case "GetQueueAttributes":
		c.answer(map[string]any{"Attributes": map[string]string{"ApproximateNumberOfMessages": strconv.Itoa(len(queue.messages))}})
	case "DeleteMessageBatch":
		done, failed := []map[string]string{}, []map[string]any{}
		for _, e := range q.Entries {
			if queue.remove(e.ReceiptHandle) {
				done = append(done, map[string]string{"Id": e.ID})
			} else {
				failed = append(failed, map[string]any{"Id": e.ID, "Code": "ReceiptHandleIsInvalid", "SenderFault": true})
			}
		}
		c.answer(map[string]any{"Successful": done, "Failed": failed})
	case "ReceiveMessage":
		s.receive(c, queue, q.MaxNumberOfMessages, time.Now().Add(time.Duration(q.WaitTimeSeconds)*time.Second))
	}
}

// receive waits for messages without the lock.
func (s *Server) receive(c call, queue *Queue, most int, end time.Time) {
	got := queue.visible(most)
	for len(got) == 0 && time.Now().Before(end) && c.r.Context().Err() == nil {
		s.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		s.mu.Lock()
		got = queue.visible(most)
	}
	var all []map[string]any
	for _, m := range got {
		sum := md5.Sum([]byte(m.body)) // which the SDK compares (SQS API reference, Message)
		all = append(all, map[string]any{"MessageId": m.id, "ReceiptHandle": m.id, "Body": m.body, "MD5OfBody": hex.EncodeToString(sum[:]),
			"Attributes": map[string]string{"SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10)}})
	}
	c.answer(map[string]any{"Messages": all})
}

func (s *Server) topic(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c.action {
	case "Publish":
		p := Publication{Topic: c.form.Get("TopicArn"), Subject: c.form.Get("Subject"), Body: c.form.Get("Message"), Attributes: map[string]string{}}
		for i := 1; c.form.Has(fmt.Sprintf("MessageAttributes.entry.%d.Name", i)); i++ {
			entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
			p.Attributes[c.form.Get(entry+"Name")] = c.form.Get(entry + "Value.StringValue")
		}
		s.published = append(s.published, p)
		c.xml("<MessageId>p-1</MessageId>")
	case "ListSubscriptionsByTopic":
		part, next := page(s.Subscriptions, c.form.Get("NextToken"), s.Page)
		list := ""
		for _, one := range part {
			list += fmt.Sprintf("<member><SubscriptionArn>%s</SubscriptionArn><Protocol>%s</Protocol><Endpoint>%s</Endpoint></member>", escaped(one.ARN), one.Protocol, escaped(one.Endpoint))
		}
		if next != "" {
			next = "<NextToken>" + next + "</NextToken>"
		}
		c.xml("<Subscriptions>" + list + "</Subscriptions>" + next)
	case "GetSubscriptionAttributes":
		for _, one := range s.Subscriptions {
			if one.ARN == c.form.Get("SubscriptionArn") {
				c.xml(fmt.Sprintf("<Attributes><entry><key>ConfirmationWasAuthenticated</key><value>%v</value></entry></Attributes>", one.Authenticated))
				return
			}
		}
		c.refuse(http.StatusNotFound, "NotFound")
	}
}

func (s *Server) role(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.action != "TagRole" {
		c.refuse(http.StatusBadRequest, "InvalidAction")
		return
	}
	s.tags[c.form.Get("RoleName")+"/"+c.form.Get("Tags.member.1.Key")] = c.form.Get("Tags.member.1.Value")
	c.xml("")
}

func (s *Server) function(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := c.r.URL.Query().Get("FunctionName")
	if c.action == "GetFunctionConcurrency" {
		parts := strings.Split(c.r.URL.Path, "/")
		name = parts[len(parts)-2]
	}
	f, there := s.Functions[name]
	switch {
	case !there:
		c.refuse(http.StatusNotFound, "ResourceNotFoundException")
	case c.action == "GetFunctionConcurrency" && f.Reserved < 0:
		c.answer(map[string]any{})
	case c.action == "GetFunctionConcurrency":
		c.answer(map[string]any{"ReservedConcurrentExecutions": f.Reserved})
	default:
		part, next := page(f.Mappings, c.r.URL.Query().Get("Marker"), s.Page)
		var list []map[string]any
		for _, m := range part {
			list = append(list, map[string]any{"EventSourceArn": m.Source, "State": m.State})
		}
		c.answer(map[string]any{"EventSourceMappings": list, "NextMarker": optional(next)})
	}
}

func (s *Server) trail(c call) {
	var q struct{ Name string }
	if !c.asked(&q) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, there := s.Trails[q.Name]
	if !there || !strings.Contains(q.Name, ":"+c.region+":") {
		c.refuse(http.StatusBadRequest, "TrailNotFoundException")
		return
	}
	status := map[string]any{"IsLogging": t.Logging, "LatestDeliveryError": optional(t.BucketError)}
	if !t.Delivered.IsZero() {
		status["LatestDeliveryTime"] = t.Delivered.Unix()
	}
	c.answer(status)
}
