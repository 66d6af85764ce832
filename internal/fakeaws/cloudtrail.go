package fakeaws

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// History is CloudTrail's event history and the Regions of an account.
type History struct {
	Events map[string][]Event // by Region
	// Rate is how many LookupEvents a second each Region answers; 0 is any
	// number. AWS answers two (CloudTrail API reference, LookupEvents).
	Rate int
	// Regions are those of account:ListRegions with their status.
	Regions map[string]string
	// Trails are those that DescribeTrails shows in every Region.
	Trails []Trail

	asked map[string][]time.Time
}

// Event is an event of the history. Record is the CloudTrail record; NoRecord
// leaves it out of the answer.
type Event struct {
	ID, Name, Source string
	Time             time.Time
	Record           string
	NoRecord         bool
}

// Trail is a trail of CloudTrail.
type Trail struct {
	ARN, Region, Bucket, Prefix        string
	KeyARN, LogGroupARN                string
	OneRegion, Organization, Selectors bool
	Validation                         bool   // of log files
	EventSelectors                     string // what GetEventSelectors answers; "": all management events
	Stopped                            bool
	Delivered                          time.Time
	DeliveryError                      string
}

// cloudTrail answers for the history and the trails. The lock is held.
func (s *Server) cloudTrail(q *request) (string, *refusal) {
	switch q.action {
	case "DescribeTrails":
		return s.describeTrails(), nil
	case "GetTrailStatus":
		return s.trailStatus(word(q.body, "Name"))
	case "GetEventSelectors":
		return s.eventSelectors(word(q.body, "TrailName"))
	}
	return s.lookupEvents(q)
}

func (s *Server) describeTrails() string {
	list := []map[string]any{}
	for _, t := range s.History.Trails {
		_, name, _ := strings.Cut(t.ARN, ":trail/")
		m := map[string]any{
			"Name": name, "TrailARN": t.ARN, "HomeRegion": t.Region, "S3BucketName": t.Bucket, "IsMultiRegionTrail": !t.OneRegion,
			"IsOrganizationTrail": t.Organization, "HasCustomEventSelectors": t.Selectors, "LogFileValidationEnabled": t.Validation, "IncludeGlobalServiceEvents": true,
		}
		for key, text := range map[string]string{"S3KeyPrefix": t.Prefix, "KmsKeyId": t.KeyARN, "CloudWatchLogsLogGroupArn": t.LogGroupARN} {
			if text != "" {
				m[key] = text
			}
		}
		list = append(list, m)
	}
	out, _ := json.Marshal(map[string]any{"trailList": list})
	return string(out)
}

// trailStatus answers by ARN only, as AWS does for trails of other Regions.
func (s *Server) trailStatus(arn string) (string, *refusal) {
	for _, t := range s.History.Trails {
		if t.ARN != arn {
			continue
		}
		m := map[string]any{"IsLogging": !t.Stopped}
		if !t.Delivered.IsZero() {
			m["LatestDeliveryTime"] = t.Delivered.Unix()
		}
		if t.DeliveryError != "" {
			m["LatestDeliveryError"] = t.DeliveryError
		}
		out, _ := json.Marshal(m)
		return string(out), nil
	}
	return "", refuse(http.StatusBadRequest, "TrailNotFoundException", "Unknown trail: %s", arn)
}

// eventSelectors answers by ARN only, too.
func (s *Server) eventSelectors(arn string) (string, *refusal) {
	for _, t := range s.History.Trails {
		switch {
		case t.ARN != arn:
		case t.EventSelectors != "":
			return t.EventSelectors, nil
		default:
			return `{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true}]}`, nil
		}
	}
	return "", refuse(http.StatusBadRequest, "TrailNotFoundException", "Unknown trail: %s", arn)
}

// lookupEvents answers by one attribute, newest first. The lock is held.
func (s *Server) lookupEvents(q *request) (string, *refusal) {
	if s.tooFast(q.region) {
		return "", refuse(http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	}
	if q.action != "LookupEvents" {
		return "", refuse(http.StatusBadRequest, "UnknownOperationException", "%s has no stand-in", q.action)
	}
	events := s.matching(q)
	most := 50
	if n, ok := q.body["MaxResults"].(float64); ok {
		most = min(most, int(n))
	}
	if s.PageSize > 0 {
		most = min(most, s.PageSize)
	}
	from, _ := strconv.Atoi(word(q.body, "NextToken"))
	events = events[min(from, len(events)):]
	answer := map[string]any{}
	if len(events) > most {
		events, answer["NextToken"] = events[:most], strconv.Itoa(from+most)
	}
	list := []map[string]any{}
	for _, e := range events {
		list = append(list, e.json())
	}
	answer["Events"] = list
	out, _ := json.Marshal(answer)
	return string(out), nil
}

func (e Event) json() map[string]any {
	m := map[string]any{"EventId": e.ID, "EventName": e.Name, "EventSource": e.Source, "EventTime": e.Time.Unix()}
	if !e.NoRecord {
		m["CloudTrailEvent"] = e.Record
	}
	return m
}

// tooFast counts the calls of the last second.
func (s *Server) tooFast(region string) bool {
	h := &s.History
	if h.Rate == 0 {
		return false
	}
	if h.asked == nil {
		h.asked = map[string][]time.Time{}
	}
	now := s.Now()
	recent := slices.DeleteFunc(h.asked[region], func(t time.Time) bool { return now.Sub(t) >= time.Second })
	h.asked[region] = append(recent, now)
	return len(recent) >= h.Rate
}

func (s *Server) matching(q *request) []Event {
	attr, value := attribute(q.body)
	start, end := moment(q.body, "StartTime"), moment(q.body, "EndTime")
	var found []Event
	for _, e := range s.History.Events[q.region] {
		switch {
		case attr == "EventSource" && e.Source != value, attr == "EventName" && e.Name != value:
		case e.Time.Before(s.Now().AddDate(0, 0, -90)):
		case !start.IsZero() && e.Time.Before(start), !end.IsZero() && e.Time.After(end):
		default:
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b Event) int { return b.Time.Compare(a.Time) })
	return found
}

// attribute is the one that a lookup names.
func attribute(body map[string]any) (key, value string) {
	list, _ := body["LookupAttributes"].([]any)
	if len(list) == 0 {
		return "", ""
	}
	m, _ := list[0].(map[string]any)
	return word(m, "AttributeKey"), word(m, "AttributeValue")
}

func word(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// moment reads a time as JSON 1.1 writes it: seconds since 1970.
func moment(m map[string]any, key string) time.Time {
	n, ok := m[key].(float64)
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(int64(n * 1000)).UTC()
}

// listRegions answers in two pages where there is more than one Region.
func (s *Server) listRegions(q *request) (string, *refusal) {
	if q.action != "ListRegions" {
		return "", refuse(http.StatusBadRequest, "UnknownOperationException", "%s has no stand-in", q.action)
	}
	wanted, _ := q.body["RegionOptStatusContains"].([]any)
	list := []map[string]any{}
	for name, status := range s.History.Regions {
		if len(wanted) == 0 || slices.Contains(wanted, any(status)) {
			list = append(list, map[string]any{"RegionName": name, "RegionOptStatus": status})
		}
	}
	slices.SortFunc(list, func(a, b map[string]any) int { return compareNames(a["RegionName"], b["RegionName"]) })
	answer := map[string]any{"Regions": list}
	if half := len(list) / 2; word(q.body, "NextToken") != "" {
		answer["Regions"] = list[half:]
	} else if half > 0 {
		answer["Regions"], answer["NextToken"] = list[:half], "2"
	}
	out, _ := json.Marshal(answer)
	return string(out), nil
}

func compareNames(a, b any) int {
	x, _ := a.(string)
	y, _ := b.(string)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
