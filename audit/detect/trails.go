package detect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit/signin"
)

func trailCall(e *signin.Event) []finding {
	switch e.Name {
	case "StopLogging":
		return one(e, idTrailStopped, name(e)+" stopped the trail "+trailName(e))
	case "DeleteTrail":
		return one(e, idTrailDeleted, name(e)+" deleted the trail "+trailName(e))
	case "UpdateTrail":
		return append(trailNarrowed(e), trailBucket(e)...)
	case "PutEventSelectors":
		return trailSelectors(e)
	}
	return nil
}

// trailName is the trail's name or ARN: PutEventSelectors calls it trailName,
// the others name (CloudTrail API reference).
func trailName(e *signin.Event) string {
	if n := e.Request["trailName"]; n != "" {
		return quote(n)
	}
	return quote(e.Request["name"])
}

// trailNarrowed reads what UpdateTrail was told. A request holds only what the
// caller set, so a setting that is absent was left as it is.
func trailNarrowed(e *signin.Event) []finding {
	var lost []string
	for _, s := range []struct{ param, means string }{
		{"isMultiRegionTrail", "other Regions are no longer recorded"},
		{"includeGlobalServiceEvents", "global services such as IAM are no longer recorded"},
		{"enableLogFileValidation", "log files can no longer be proved unchanged"},
	} {
		if strings.EqualFold(e.Request[s.param], "false") {
			lost = append(lost, s.means)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return one(e, idTrailNarrowed, name(e)+" narrowed the trail "+trailName(e)+": "+strings.Join(lost, "; "))
}

func trailBucket(e *signin.Event) []finding {
	bucket := e.Request["s3BucketName"]
	if bucket == "" {
		return nil
	}
	return one(e, idTrailBucket, name(e)+" set the bucket of the trail "+trailName(e)+" to "+quote(bucket)+"; the record does not say what it was before")
}

func trailSelectors(e *signin.Event) []finding {
	lost := lostWrites(e.Request["eventSelectors"], e.Request["advancedEventSelectors"])
	if lost == "" {
		return nil
	}
	return one(e, idTrailSelectors, "the trail "+trailName(e)+lost+", by "+name(e))
}

// lostWrites says what is wrong with these selectors, or "" when a trail with
// them still records every management write. An event is recorded when any one
// selector takes it (CloudTrail API reference, PutEventSelectors).
func lostWrites(basic, advanced string) string {
	var plain []selector
	var fine []advancedSelector
	switch {
	case decode(basic, &plain) != nil:
		return unread("eventSelectors is no list of selectors")
	case decode(advanced, &fine) != nil:
		return unread("advancedEventSelectors is no list of selectors")
	case len(plain) == 0 && len(fine) == 0:
		return unread("the record holds none")
	case slices.ContainsFunc(plain, selector.takesWrites), slices.ContainsFunc(fine, advancedSelector.takesWrites):
		return ""
	}
	return " no longer records management events that change something"
}

func unread(why string) string {
	return " has new selectors that could not be read (" + why + "): look at them"
}

func decode(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// selector is an event selector. Management events are included, and reads and
// writes both, unless it says otherwise.
type selector struct {
	ReadWriteType           any
	IncludeManagementEvents any
}

func (s selector) takesWrites() bool {
	return !is(s.IncludeManagementEvents, "false") && !is(s.ReadWriteType, "ReadOnly")
}

// is compares a value that records write as a boolean and exports as a text.
func is(v any, text string) bool { return strings.EqualFold(fmt.Sprint(v), text) }

type advancedSelector struct {
	FieldSelectors []fieldSelector
}

type fieldSelector struct {
	Field                                 string
	Equals, StartsWith, EndsWith          []string
	NotEquals, NotStartsWith, NotEndsWith []string
}

// takesWrites tells whether an advanced selector takes every management write:
// all its field selectors must let each one through.
func (s advancedSelector) takesWrites() bool {
	management := slices.ContainsFunc(s.FieldSelectors, func(f fieldSelector) bool {
		return f.Field == "eventCategory" && slices.Contains(f.Equals, "Management")
	})
	return management && !slices.ContainsFunc(s.FieldSelectors, fieldSelector.dropsWrites)
}

func (f fieldSelector) dropsWrites() bool {
	switch f.Field {
	case "eventCategory":
		return false
	case "readOnly":
		return !slices.Contains(f.Equals, "false")
	case "eventSource":
		return !f.onlyOffered()
	}
	return true // any other field picks some events and leaves out others
}

// onlyOffered tells whether the sources left out are among the two that
// CloudTrail offers to leave out for their volume (CloudTrail user guide,
// logging management events).
func (f fieldSelector) onlyOffered() bool {
	if len(f.Equals)+len(f.StartsWith)+len(f.EndsWith)+len(f.NotStartsWith)+len(f.NotEndsWith) > 0 {
		return false
	}
	return !slices.ContainsFunc(f.NotEquals, func(source string) bool {
		return source != "kms.amazonaws.com" && source != "rdsdata.amazonaws.com"
	})
}

// taskPolicy reads AssumeRoot's taskPolicyArn: an object with an arn, or the
// ARN itself.
func taskPolicy(param string) string {
	var o struct{ ARN string }
	if json.Unmarshal([]byte(param), &o) == nil {
		return o.ARN
	}
	return param
}
