package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/sqs"
)

// sound are the metrics of a round in which all is well.
func sound(change ...func(map[string]float64)) map[string]float64 {
	m := map[string]float64{"RegionsSilent": 0, "RegionDeadLetters": 0, "RegionsUnread": 0, "LateCanaries": 0, "ForeignMessages": 0, "RoundTrip": 1}
	for _, c := range change {
		c(m)
	}
	return m
}

func with(name string, value float64) func(map[string]float64) {
	return func(m map[string]float64) { m[name] = value }
}

func without(name string) func(map[string]float64) {
	return func(m map[string]float64) { delete(m, name) }
}

const oldNonce = "20260101T000000Z-0123456789abcdef-eu-north-1"

// tagEvent is the event of the canary's tag as EventBridge sends it (CloudTrail
// record contents; IAM API reference, TagRole).
func tagEvent(account, role, value string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"e-1","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","account":"%s","time":"2026-11-20T08:14:03Z","region":"us-east-1","resources":[],
"detail":{"eventVersion":"1.11","eventSource":"iam.amazonaws.com","eventName":"TagRole","eventTime":"%s","requestParameters":{"roleName":"%s","tags":[{"key":"other","value":"x"},{"key":"mfawatch-canary","value":"%s"}]},"responseElements":null}}`,
		account, at.UTC().Format(time.RFC3339), role, value)
}

func TestSend(t *testing.T) {
	const value = "20260101T000000Z-0123456789abcdef-trail"
	for _, c := range []struct {
		name    string
		change  func(*world, *Handler)
		want    map[string]float64
		silent  []string
		failure string   // "": no error
		logs    []string // texts that the log must hold
		left    int      // messages
	}{
		{"all is well", func(*world, *Handler) {}, sound(), nil, "", []string{`"returned":3`}, 0},
		{"the worst counts", func(w *world, _ *Handler) { w.delay["us-east-1"] = 33 * time.Second }, sound(with("RoundTrip", 33)), nil, "", nil, 0},
		{"each comes twice", func(w *world, _ *Handler) { w.copies = 2 }, sound(), nil, "", nil, 0},
		{"one never comes", func(w *world, _ *Handler) { w.delay["us-east-1"] = -1 }, sound(with("RegionsSilent", 1)), []string{"us-east-1"}, "",
			[]string{`"region":"us-east-1","sent":true,"waited":60`, "region is silent"}, 0},
		{"none comes: no time is a time", func(w *world, _ *Handler) {
			for _, r := range regions {
				w.delay[r] = -1
			}
		}, sound(with("RegionsSilent", 3), without("RoundTrip")), regions, "", nil, 0},
		{"one comes too late", func(w *world, _ *Handler) { w.delay["us-east-1"] = 61 * time.Second }, sound(with("RegionsSilent", 1)), []string{"us-east-1"}, "", nil, 1},
		{"one is refused", func(w *world, _ *Handler) {
			w.putErr["ap-south-1"] = errors.New("events:PutEvents in ap-south-1: AccessDeniedException")
		}, sound(with("RegionsSilent", 1)), []string{"ap-south-1"}, "1 of 3 Regions cannot be sent to: events:PutEvents in ap-south-1: AccessDeniedException", []string{`"region":"ap-south-1","sent":false`}, 0},
		{"one hangs, and the others have their time", func(w *world, _ *Handler) {
			w.putHangs["ap-south-1"] = true
			w.delay["us-east-1"] = 40 * time.Second
		}, sound(with("RegionsSilent", 1), with("RoundTrip", 40)), []string{"ap-south-1"}, "1 of 3 Regions", nil, 0},
		{"all are refused, and what came before is counted", func(w *world, _ *Handler) {
			for _, r := range regions {
				w.putErr[r] = errors.New("events:PutEvents in " + r + ": ThrottlingException")
			}
			w.arrive(0, alerted(oldNonce, own, "eu-north-1"))
		}, sound(with("RegionsSilent", 3), without("RoundTrip"), with("LateCanaries", 1)), regions, "3 of 3 Regions", nil, 0},
		{"the queue is refused", func(w *world, _ *Handler) {
			w.queueErr = errors.New("sqs:ReceiveMessage of queue q in r: AccessDenied")
		},
			sound(with("RegionsSilent", 3), without("RoundTrip")), regions, "no canary can come back: sqs:ReceiveMessage of queue q in r: AccessDenied", nil, 3},
		{"late ones of earlier runs", func(w *world, _ *Handler) {
			w.arrive(0, alerted(oldNonce, own, "eu-north-1"))
			w.arrive(0, alerted("20260101T000000Z-0123456789abcdef-us-east-1", own, "us-east-1"))
		}, sound(with("LateCanaries", 2)), nil, "", nil, 0},
		{"not deleted", func(w *world, _ *Handler) { w.undelete = errors.New("x") }, sound(), nil, "", []string{"not deleted: the next run counts them as late"}, 3},
		{"dead letters are summed", func(w *world, _ *Handler) { w.depths["us-east-1"], w.depths["eu-north-1"] = 3, 4 },
			sound(with("RegionDeadLetters", 7)), nil, "", []string{`"region":"us-east-1","messages":3`}, 0},
		{"a dead-letter queue cannot be read", func(w *world, _ *Handler) {
			w.depths["us-east-1"] = 3
			w.depthErr["eu-north-1"] = errors.New("sqs:GetQueueUrl of queue mfawatch-rules-dead in eu-north-1: AccessDenied")
		}, sound(with("RegionDeadLetters", 3), with("RegionsUnread", 1)), nil, "", []string{"mfawatch-rules-dead in eu-north-1: AccessDenied"}, 0},
		{"the tag came back", func(w *world, _ *Handler) {
			w.arrive(0, tagEvent(own, "mfawatch-canary-target", value, time.Now().Add(-90*time.Second)))
			w.arrive(0, tagEvent(own, "mfawatch-canary-target", value, time.Now().Add(-time.Hour)))
		}, sound(with("TrailLegAge", 90)), nil, "", []string{"came back through CloudTrail"}, 0},
		{"the tag waited in the queue for longer than its way took", func(w *world, _ *Handler) {
			w.arrive(-20*time.Minute, tagEvent(own, "mfawatch-canary-target", value, time.Now().Add(-22*time.Minute)))
		}, sound(with("TrailLegAge", 120)), nil, "", nil, 0},
		{"a heart that beats", func(w *world, h *Handler) { h.Heart = w }, sound(with("HeartbeatFailed", 0)), nil, "", nil, 0},
		{"a heart that does not", func(w *world, h *Handler) { h.Heart, w.beatErr = w, errors.New("answered with status 404") },
			sound(with("HeartbeatFailed", 1)), nil, "", []string{"heartbeat failed"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				h := w.handler()
				c.change(w, h)
				got, err := h.Handle(t.Context(), Event{ModeSend})
				if (err != nil) != (c.failure != "") || err != nil && !strings.Contains(err.Error(), c.failure) {
					t.Errorf("error %v, want %q", err, c.failure)
				}
				near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1 })
				if diff := cmp.Diff(c.want, w.metrics(t), near); diff != "" {
					t.Errorf("metrics (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.silent, got.Silent); diff != "" || got.Returned != len(regions)-len(c.silent) {
					t.Errorf("result %+v, silent (-want +got):\n%s", got, diff)
				}
				for _, text := range c.logs {
					if !strings.Contains(w.out.String(), text) {
						t.Errorf("no %q in the log\n%s", text, w.out.String())
					}
				}
				if left := w.left(); len(left) != c.left {
					t.Errorf("left in the queue: %v, want %d", left, c.left)
				}
			})
		})
	}
}

// A run does not take the canaries of another for its own.
func TestEachRunHasItsOwnNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.delay["us-east-1"] = 61 * time.Second
		h := w.handler()
		if _, err := h.Handle(t.Context(), Event{ModeSend}); err != nil {
			t.Fatal(err)
		}
		w.delay["us-east-1"] = -1
		time.Sleep(5 * time.Second)
		got, err := h.Handle(t.Context(), Event{ModeSend})
		if err != nil || got.Late != 1 || len(got.Silent) != 1 || len(w.left()) != 0 {
			t.Errorf("%+v, error %v, left %v", got, err, w.left())
		}
	})
}

// However short the time is, the answer and the metrics come before the deadline.
func TestSendEndsBeforeTheDeadline(t *testing.T) {
	for _, timeout := range []time.Duration{3 * time.Second, 10 * time.Second, 45 * time.Second, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.delay["us-east-1"] = -1
			h := w.handler()
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			start := time.Now()
			got, err := h.Handle(ctx, Event{ModeSend})
			took := time.Since(start)
			if err != nil || ctx.Err() != nil || took > timeout*3/4 || took > 61*time.Second || len(got.Silent) != 1 || w.metrics(t)["RegionsSilent"] != 1 {
				t.Errorf("of %s: took %s, %+v, error %v", timeout, took, got, err)
			}
		})
	}
}

// A Region whose queue hangs does not hold up a round that is whole.
func TestSendEndsWhenAllCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.depthHangs = "us-east-1"
		start := time.Now()
		got, err := w.handler().Handle(t.Context(), Event{ModeSend})
		if took := time.Since(start); err != nil || got.Returned != 3 || took > 11*time.Second || w.metrics(t)["RegionsUnread"] != 1 {
			t.Errorf("took %s, %+v, error %v", took, got, err)
		}
	})
}

// A round that is not whole has no beat: silence is what the heart alarms on.
func TestHeartOfARoundThatIsNotWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		h := w.handler()
		h.Heart = w
		w.delay["us-east-1"] = -1
		if _, err := h.Handle(t.Context(), Event{ModeSend}); err != nil || w.beats != 0 {
			t.Errorf("%d beats, error %v", w.beats, err)
		}
	})
}

// What is none of the canary's is counted once, left for a person, and repeated
// nowhere; the round goes on beside it.
func TestForeignMessages(t *testing.T) {
	const secret = "private-text"
	for name, body := range map[string]string{
		"empty":                  "",
		"no JSON":                secret,
		"a list":                 `["` + secret + `"]`,
		"cut off":                alerted(oldNonce, own, secret)[:90],
		"deep":                   strings.Repeat(`{"a":`, 50_000) + strings.Repeat("}", 50_000),
		"another topic":          enveloped("arn:aws:sns:eu-north-1:444455556666:x", "{}"),
		"no alert":               enveloped(topic, `{"x":"`+secret+`"}`),
		"a real alert":           enveloped(topic, `{"schema":"mfawatch/alert/v1","kind":"sign_in","account":"111122223333","id":"`+secret+`"}`),
		"another account":        alerted(oldNonce, "444455556666", "eu-north-1"),
		"a nonce that is none":   alerted("x"+secret, own, "eu-north-1"),
		"no envelope":            `{"schema":"mfawatch/alert/v1","kind":"canary","account":"111122223333","id":"111122223333#canary#` + oldNonce + `"}`,
		"a confirmation":         `{"Type":"SubscriptionConfirmation","TopicArn":"` + topic + `","Token":"` + secret + `"}`,
		"another account's tag":  tagEvent("444455556666", "mfawatch-canary-target", oldNonce, time.Now()),
		"another role's tag":     tagEvent(own, "admin", oldNonce, time.Now()),
		"a tag nobody set":       tagEvent(own, "mfawatch-canary-target", secret, time.Now()),
		"a refused tag":          strings.Replace(tagEvent(own, "mfawatch-canary-target", oldNonce, time.Now()), `"responseElements"`, `"errorCode":"AccessDenied","responseElements"`, 1),
		"a tag without a time":   strings.Replace(tagEvent(own, "mfawatch-canary-target", oldNonce, time.Time{}), `"eventTime"`, `"eventWhen"`, 1),
		"fields of other kinds":  `{"Type":1,"detail":"` + secret + `"}`,
		"the bus's event itself": `{"source":"mfa.canary","account":"111122223333","detail-type":"x","detail":{"nonce":"` + oldNonce + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.delay["us-east-1"] = -1 // so that it comes again while the run waits
				w.arrive(0, body)
				got, err := w.handler().Handle(t.Context(), Event{ModeSend})
				if err != nil || got.Foreign != 1 || got.Late != 0 || got.Returned != 2 || len(w.left()) != 1 {
					t.Errorf("%+v, error %v, left %v\n%s", got, err, w.left(), w.out.String())
				}
				if m := w.messages[0]; m.received < 2 || strings.Count(w.out.String(), "foreign message") != 1 || w.metrics(t)["ForeignMessages"] != 1 {
					t.Errorf("received %d times, log:\n%s", m.received, w.out.String())
				}
				if _, age := w.metrics(t)["TrailLegAge"]; age || strings.Contains(w.out.String(), secret) {
					t.Errorf("a tag is counted, or a message is logged:\n%s", w.out.String())
				}
			})
		})
	}
}

// A flood of foreign messages does not keep the canaries from being seen.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for range 2000 {
			w.arrive(0, "x")
		}
		got, err := w.handler().Handle(t.Context(), Event{ModeSend})
		if err != nil || got.Returned != 3 || got.Foreign != 2000 {
			t.Errorf("%+v, error %v", got, err)
		}
	})
}

func TestTrailTagsItsOwnRole(t *testing.T) {
	w := newWorld()
	h := w.handler()
	if _, err := h.Handle(t.Context(), Event{ModeTrail}); err != nil || len(w.tags) != 1 {
		t.Fatalf("%v, error %v", w.tags, err)
	}
	value, ok := strings.CutPrefix(w.tags[0], "mfawatch-canary-target mfawatch-canary ")
	if !ok || !nonce.MatchString(value) {
		t.Errorf("tagged %q", w.tags[0])
	}
	w.tagErr = errors.New("iam:TagRole of mfawatch-canary-target: AccessDenied")
	if _, err := h.Handle(t.Context(), Event{ModeTrail}); err == nil || err.Error() != "the trail cannot be tried: iam:TagRole of mfawatch-canary-target: AccessDenied" {
		t.Errorf("error %v", err)
	}
	if w.tags[0] == w.tags[1] {
		t.Error("the same nonce twice")
	}
}

func TestUnknownMode(t *testing.T) {
	for _, mode := range []string{"", "Send", strings.Repeat("x", 500)} {
		w := newWorld()
		_, err := w.handler().Handle(t.Context(), Event{Mode(mode)})
		if err == nil || !strings.Contains(err.Error(), "is not one of send, check, trail") || len(err.Error()) > 200 || w.metrics(t) != nil {
			t.Errorf("%.20q: error %v", mode, err)
		}
	}
}

// Whatever stands in a message, it is the canary's or foreign, never both, and
// what is said of it is short and one line.
func FuzzRecognise(f *testing.F) {
	now := time.Date(2026, 11, 20, 8, 14, 3, 0, time.UTC)
	for _, body := range []string{
		"", "{}", alerted(oldNonce, own, "eu-north-1"), enveloped(topic, "{}"), tagEvent(own, "mfawatch-canary-target", oldNonce, now), tagEvent("4", "x", "y", now),
		`{"Type":"Notification","TopicArn":"` + topic + `","Message":"{\"schema\":\"mfawatch/alert/v1\",\"kind\":\"canary\",\"account\":\"111122223333\",\"id\":\"111122223333#canary#x\"}"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld()
		h := w.handler()
		h.Now = func() time.Time { return now }
		r := &round{Handler: h, legs: []leg{{region: "eu-north-1", nonce: oldNonce, sent: now}}, came: map[string]time.Duration{}}
		err := r.recognise(sqs.Message{Body: body})
		counted := len(r.came) + r.late
		if r.tagged {
			counted++
		}
		if (err == nil) != (counted == 1) || r.trail < 0 {
			t.Errorf("error %v, counted %d, age %s", err, counted, r.trail)
		}
		if err != nil && (len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\r\x00")) {
			t.Errorf("says %q", err)
		}
	})
}
