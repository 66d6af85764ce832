// Package plumbing stands in for what carries events in AWS, on one address of
// this machine: the wire protocols of EventBridge, SQS, SNS, Lambda's
// configuration, CloudTrail's status of a trail and IAM's tags of a role. A Region
// is the one that a signature names. Only tests import it.
//
// It promises that what a real client sends arrives here over the real wire, in
// pages as short as a test wants, and that nothing is delivered by itself: a test
// says what becomes of an event.
package plumbing

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Server is the stand-in. Its exported fields are set before the first call, or
// inside Change.
type Server struct {
	URL string
	// Fault, where set, is asked before each call, "events:PutEvents"; a code that
	// is not empty is the error that the call is answered with.
	Fault func(call, region string) (status int, code string)
	// Event, where set, is given each event that a bus takes, outside of any lock.
	Event func(Event)
	// Page is how many a list gives at once; 0 is all.
	Page int
	// Refused are the detail types of events that PutEvents answers with an error
	// of the entry alone.
	Refused map[string]string

	Rules         map[string][]Rule // by REGION/BUS
	Queues        map[string]*Queue // by REGION/NAME
	Subscriptions []Subscription
	Functions     map[string]Function
	Trails        map[string]Trail // by ARN

	http      *httptest.Server
	mu        sync.Mutex
	calls     []string
	tags      map[string]string
	published []Publication
}

// Event is one that was put on the default bus.
type Event struct{ Region, Source, DetailType, Detail string }

// Rule is an event rule. Text stands for an input transformer with the path of one
// variable, x.
type Rule struct {
	Name, State, Pattern string
	Targets              []Target
}

// Target is a rule's.
type Target struct{ ARN, Role, DeadLetter, Text, Input string }

// Queue holds messages until they are deleted; a message that was received is
// hidden for half a minute.
type Queue struct {
	messages []*message
}

type message struct {
	id, body     string
	sent, hidden time.Time
}

// Subscription is one of a topic's.
type Subscription struct {
	ARN, Protocol, Endpoint string
	Authenticated           bool
}

// Function is a function's configuration; Reserved below zero is none.
type Function struct {
	Reserved int
	Mappings []Mapping
}

// Mapping is an event source mapping.
type Mapping struct{ Source, State string }

// Trail is a trail's status.
type Trail struct {
	Logging     bool
	Delivered   time.Time
	BucketError string
}

// Publication is one message that was published.
type Publication struct {
	Topic, Subject, Body string
	Attributes           map[string]string
}

// Start starts an empty one.
func Start() *Server {
	s := &Server{
		Refused: map[string]string{}, Rules: map[string][]Rule{}, Queues: map[string]*Queue{}, Functions: map[string]Function{}, Trails: map[string]Trail{}, tags: map[string]string{},
	}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s
}

// Close ends it.
func (s *Server) Close() { s.http.Close() }

// Change runs f while no call is being answered.
func (s *Server) Change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Calls are how often each call was made in a Region: "events:PutEvents us-east-1".
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for _, c := range s.calls {
		counts[c]++
	}
	return counts
}

// Tags are those that were set, by ROLE/KEY.
func (s *Server) Tags() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for k, v := range s.tags {
		all[k] = v
	}
	return all
}

// Published are the messages that were published.
func (s *Server) Published() []Publication {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Publication(nil), s.published...)
}

// Enqueue puts a message into a queue, which is made when it is not there.
func (s *Server) Enqueue(region, name, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.Queues[region+"/"+name]
	if q == nil {
		q = &Queue{}
		s.Queues[region+"/"+name] = q
	}
	q.put(body)
}

// Held is how many messages a queue holds, hidden ones too.
func (s *Server) Held(region, name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.Queues[region+"/"+name]; q != nil {
		return len(q.messages)
	}
	return 0
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := read(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, c.name()+" "+c.region)
	s.mu.Unlock()
	if s.Fault != nil {
		if status, code := s.Fault(c.name(), c.region); code != "" {
			c.refuse(status, code)
			return
		}
	}
	switch c.service {
	case "events":
		s.events(c)
	case "sqs":
		s.queue(c)
	case "sns":
		s.topic(c)
	case "iam":
		s.role(c)
	case "lambda":
		s.function(c)
	case "cloudtrail":
		s.trail(c)
	default:
		c.refuse(http.StatusBadRequest, "UnknownOperation")
	}
}

// page cuts a list: from a token that is an offset.
func page[T any](all []T, token string, size int) (part []T, next string) {
	from := offset(token)
	if from > len(all) {
		from = len(all)
	}
	part = all[from:]
	if size > 0 && len(part) > size {
		return part[:size], strings.Repeat("n", from+size)
	}
	return part, ""
}

// offset reads a token: as many letters as were given before.
func offset(token string) int { return len(token) }
