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
// make it the other.
type event struct {
	Mfawatch string `json:"mfawatch"`
	events.LambdaFunctionURLRequest
}

// tending is the schedule's wish. The text is an interface: the stack holds it.
const tending = "tend"

// mostBody is more than any command has.
const mostBody = 16 << 10

// problem is a request that no command was read from.
type problem struct {
	status int
	reason wire.Reason
	text   string
}

func (p *problem) Error() string { return p.text }

// readEvent reads an invocation's payload. Its error shows nothing of it.
func readEvent(payload []byte) (event, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return event{}, errors.New(`the event is neither a request to the function's URL nor {"mfawatch":"tend"}`)
	}
	return e, nil
}

// command is who calls, by AWS's word, and what is asked.
func (e event) command() (caller string, c wire.Command, err error) {
	if m := e.RequestContext.HTTP.Method; m != http.MethodPost {
		return "", c, &problem{http.StatusMethodNotAllowed, wire.BadCommand, "method: POST is wanted"}
	}
	caller, ok := e.caller()
	if !ok {
		return "", c, &problem{http.StatusForbidden, wire.NoCaller, "AWS does not say who calls: the function's URL has to have the auth type AWS_IAM"}
	}
	body, err := e.body()
	if err != nil {
		return caller, c, err
	}
	if c, err = wire.ParseCommand(body); err != nil {
		return caller, c, &problem{http.StatusBadRequest, wire.BadCommand, fmt.Sprintf("the command: %v", err)}
	}
	return caller, c, nil
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
		return nil, &problem{http.StatusRequestEntityTooLarge, wire.BadCommand, fmt.Sprintf("the body: at most %d bytes are taken", mostBody)}
	}
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, &problem{http.StatusBadRequest, wire.BadCommand, "the body: it is no base64"}
		}
	}
	if len(body) > mostBody {
		return nil, &problem{http.StatusRequestEntityTooLarge, wire.BadCommand, fmt.Sprintf("the body: at most %d bytes are taken", mostBody)}
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
