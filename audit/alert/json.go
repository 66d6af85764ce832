package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// JSON is the alert in its canonical form: keys in order, no white space, no
// escapes for HTML. The same alert is the same bytes.
func (a Alert) JSON() []byte {
	b, err := canonical(a)
	if err != nil {
		// Only a time beyond the year 9999 cannot be written, and no record can hold
		// one; an alert without its time is better than none.
		a.Time = a.Time.AddDate(1-a.Time.Year(), 0, 0)
		b, _ = canonical(a)
	}
	return b
}

// canonical writes v with the keys of every object in order.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	d := json.NewDecoder(&b)
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc = json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil { // maps are written in the order of their keys
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Parse reads an alert's JSON. It refuses a schema that it does not know.
func Parse(b []byte) (Alert, error) {
	var a Alert
	if err := json.Unmarshal(b, &a); err != nil {
		return Alert{}, fmt.Errorf("alert: %w", err)
	}
	if a.Schema != Schema {
		return Alert{}, fmt.Errorf("alert: schema is %q, not %q", a.Schema, Schema)
	}
	return a, nil
}

// Message is what is published: for each of SNS's protocols the form that is
// read there (SNS API reference, Publish, MessageStructure json).
type Message struct {
	Subject    string
	Body       string            // the JSON object of protocols
	Attributes map[string]string // for filter policies: String attributes
}

// Limit is the largest message in bytes, with subject and attributes. SNS takes
// 256 KiB; what is left is for what is counted and not documented.
const Limit = 250 << 10

// Size is the message's length as SNS counts it: names, types and values of
// attributes included.
func (m Message) Size() int {
	n := len(m.Subject) + len(m.Body)
	for k, v := range m.Attributes {
		n += len(k) + len("String") + len(v)
	}
	return n
}

// Message is the alert as it is published. Machines (SQS, Lambda, Firehose,
// HTTP) get the JSON, people the text; HTTPS is where chat clients listen, so
// it gets the form of Amazon Q Developer's custom notifications. The canary comes
// every few minutes and is for nobody: subscriptions filter it away, but chat
// subscribes without a filter, so there it gets the JSON, which is not shown.
func (a Alert) Message() Message {
	text := a.Text()
	https := a.chat()
	if a.Kind == Canary {
		https = a.JSON()
	}
	body, err := canonical(map[string]string{
		"default": string(a.JSON()), "email": text, "email-json": a.SMS(), "sms": a.SMS(), "https": string(https),
	})
	if err != nil { // strings alone cannot fail
		body = []byte(`{"default":""}`)
	}
	return Message{Subject: a.Subject(), Body: string(body), Attributes: a.Attributes()}
}

// Attributes are for subscriptions' filter policies. An attribute without a
// value is not allowed (SNS), so what is empty is "unknown".
func (a Alert) Attributes() map[string]string {
	attributes := map[string]string{
		"severity": a.Severity.String(), "account": a.Account, "reason": a.Reason, "kind": string(a.Kind), "principal_kind": string(a.Principal.Kind),
	}
	for k, v := range maps.Clone(attributes) {
		if v == "" {
			attributes[k] = "unknown"
		}
	}
	return attributes
}

// chat is the alert as a custom notification (Amazon Q Developer in chat
// applications, administrator guide): what has not this form is not shown there.
func (a Alert) chat() []byte {
	type object = map[string]any
	context := a.Attributes()
	for k, v := range context {
		context[k] = defang(v)
	}
	b, err := canonical(object{
		"version": "1.0", "source": "custom", "id": a.ID,
		"content": object{
			"textType": "client-markdown", "title": a.Subject(), "description": cut(a.brief(), 2000),
			"nextSteps": a.WhatToDo, "keywords": []string{a.Severity.String(), defang(a.Reason)},
		},
		"metadata": object{
			"threadId": cut(defang(a.ID), 200), "summary": a.Subject(), "eventType": defang(a.Reason),
			"additionalContext": context,
		},
	})
	if err != nil {
		return []byte("{}")
	}
	return b
}

// briefFindings is how many findings chat shows.
const briefFindings = 7

// brief is the text without the steps, which chat shows by themselves.
func (a Alert) brief() string {
	s := a.says(plainly) + "\nAccount " + a.where() + "\n" + a.whom() + "\n" + when(a.Time)
	if a.SourceIP != "" {
		s += " from " + defang(a.SourceIP)
	}
	if f := a.factor(); f != "" {
		s += "\nSecond factor " + f
	}
	if a.Detail != "" {
		s += "\n" + cut(defang(a.Detail), 500)
	}
	for i, f := range a.Findings {
		if i == briefFindings {
			s += fmt.Sprintf("\n- and %d more", len(a.Findings)-i)
			break
		}
		s += "\n- " + cut(defang(f), 200)
	}
	return s + "\nAlert " + defang(a.ID)
}
