package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// The services that are told apart on the wire.
const (
	dynamodb = "dynamodb"
	sns      = "sns"
	s3       = "s3"
)

// asked tells which service is asked for what. DynamoDB names it in a header; of
// SNS only Publish is asked; elsewhere the method says enough.
func asked(r *http.Request) (name, action string) {
	switch name := service(r); name {
	case dynamodb:
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		return name, action
	case sns:
		return name, "Publish"
	default:
		return name, r.Method
	}
}

// Steps are the names that Step gives beside deliverytest.Steps.
func Steps() []string {
	return []string{"evidence.compare", "coverage.get", "coverage.put", "trail.find", "trail.list", "trail.get"}
}

// Step names what a request is in the work of the functions, in the words of
// deliverytest.Steps and Steps.
func Step(r *http.Request, body []byte) string {
	switch service, action := asked(r); {
	case service == sns:
		return "topic.publish"
	case service == s3:
		return objectStep(r)
	case action == "Query":
		return "digests.pending"
	case action == "BatchGetItem":
		return "states.state"
	}
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		return "unknown"
	}
	return step(q.UpdateExpression)
}

// step knows an update by what it sets.
func step(update string) string {
	switch {
	case strings.Contains(update, "#state = :claimed"):
		return "claims.claim"
	case strings.Contains(update, "ADD members"):
		return "claims.admit"
	case strings.Contains(update, "#alert = :alert"):
		return "claims.fold"
	case strings.Contains(update, "message_id = :message"):
		return "claims.send"
	case strings.HasPrefix(update, "REMOVE lease_until"):
		return "claims.release"
	}
	return "digests.take"
}

func objectStep(r *http.Request) string {
	put := r.Method == http.MethodPut
	switch coverage := strings.HasPrefix(r.URL.Path, "/evidence/coverage/"); {
	case coverage && put:
		return "coverage.put"
	case coverage:
		return "coverage.get"
	case put:
		return "evidence.keep"
	case strings.HasPrefix(r.URL.Path, "/evidence/"):
		return "evidence.compare"
	case r.Method == http.MethodHead:
		return "trail.find"
	case r.URL.Query().Has("list-type"):
		return "trail.list"
	}
	return "trail.get"
}

// Fail refuses a request as its service does: as too many, or as an error of its
// own (DynamoDB developer guide, error handling; SNS API reference, common
// errors; S3 API reference, error responses).
func Fail(w http.ResponseWriter, r *http.Request, throttled bool) {
	service, _ := asked(r)
	switch {
	case service == dynamodb && throttled:
		failTable(w, http.StatusBadRequest, "ProvisionedThroughputExceededException")
	case service == dynamodb:
		failTable(w, http.StatusInternalServerError, "InternalServerError")
	case service == sns && throttled:
		failTopic(w, http.StatusBadRequest, "Throttling")
	case service == sns:
		failTopic(w, http.StatusInternalServerError, "InternalFailure")
	case throttled:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
	default:
		refuse(w, http.StatusInternalServerError, "InternalError")
	}
}

func failTable(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	answer(w, map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": "refused"})
}

func failTopic(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>refused</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code)
}
