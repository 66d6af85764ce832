package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"mfawatch/totp/breakglass/wire"
)

// event is what the function is invoked with: a request to its URL, or the schedule's
// input {"mfawatch":"tend"}. AWS makes the one, so that nobody who sends a request can
// make it the other. Whoever may invoke the function directly can make both: the one is
// worth nothing without a proof, and the other does only what is due.
type event struct {
	Mfawatch string `json:"mfawatch"`
	events.LambdaFunctionURLRequest
}

// tending is the schedule's wish. The text is an interface: the stack holds it.
const tending = "tend"

// mostBody is more than any command has.
const mostBody = 16 << 10

// problem is a request that no command of anybody was read from.
type problem struct {
	status int
	reason wire.Reason
	text   string
	cause  error // for the log
}

func (p *problem) Error() string { return p.text }
func (p *problem) Unwrap() error { return p.cause }

// readEvent reads an invocation's payload. Its error shows nothing of it.
func readEvent(payload []byte) (event, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return event{}, errors.New(`the event is neither a request to the function's URL nor {"mfawatch":"tend"}`)
	}
	return e, nil
}

// command is who is said to call, and what is asked with which proof.
func (e event) command() (claimed string, call wire.Call, c wire.Command, err error) {
	if m := e.RequestContext.HTTP.Method; m != http.MethodPost {
		return "", call, c, &problem{status: http.StatusMethodNotAllowed, reason: wire.BadCommand, text: "method: POST is wanted"}
	}
	claimed, ok := e.caller()
	if !ok {
		return "", call, c, &problem{status: http.StatusForbidden, reason: wire.NoCaller, text: "AWS does not say who calls: the function's URL has to have the auth type AWS_IAM"}
	}
	body, err := e.body()
	if err != nil {
		return claimed, call, c, err
	}
	if call, c, err = wire.ParseCall(body); err != nil {
		return claimed, call, c, &problem{status: http.StatusBadRequest, reason: wire.BadCommand, text: cut(fmt.Sprintf("the call: %v", err))}
	}
	return claimed, call, c, nil
}

// caller is the ARN of the principal that signed the request (Lambda developer guide,
// function URLs, request payload format: requestContext.authorizer.iam.userArn).
func (e event) caller() (string, bool) {
	a := e.RequestContext.Authorizer
	if a == nil || a.IAM == nil || a.IAM.UserARN == "" {
		return "", false
	}
	return a.IAM.UserARN, true
}

func (e event) body() ([]byte, error) {
	body := []byte(e.Body)
	if len(body) > mostBody*4/3+4 {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, reason: wire.BadCommand, text: fmt.Sprintf("the body: at most %d bytes are taken", mostBody)}
	}
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, &problem{status: http.StatusBadRequest, reason: wire.BadCommand, text: "the body: it is no base64"}
		}
	}
	if len(body) > mostBody {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, reason: wire.BadCommand, text: fmt.Sprintf("the body: at most %d bytes are taken", mostBody)}
	}
	return body, nil
}

// response is an answer in the form that a function URL takes. It is kept by nobody on
// the way.
func response(status int, a wire.Answer) ([]byte, error) {
	return json.Marshal(events.LambdaFunctionURLResponse{
		StatusCode: status, Body: string(a.JSON()),
		Headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"},
	})
}
