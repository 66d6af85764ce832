package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/trail"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/settings"
	"mfawatch/internal/s3"
)

// Handler judges what it is invoked with and delivers the alerts. It holds
// nothing from one invocation to the next but clients.
type Handler struct {
	Settings  settings.Signin
	Judge     alerting.Judge
	Deliverer *delivery.Deliverer
	Open      func(ctx context.Context, bucket string) (Objects, error)
	Metrics   io.Writer // for lines in the embedded metric format
	Log       zerolog.Logger
	Now       func() time.Time
}

// Objects is a bucket of log files. Get gives the whole object or an error.
type Objects interface {
	Get(ctx context.Context, o s3.Object) (io.ReadCloser, error)
}

// The reasons for which trying again is no help by itself: the message goes to
// the dead-letter queue, where a person looks at it.
var (
	errPoison = errors.New("poison message")
	errForged = errors.New("envelope rejected")
)

// The metrics beside those of delivering.
const (
	envelopeRejected = settings.EnvelopeRejected
	poisonMessages   = settings.PoisonMessages
)

// invocation is the handling of one payload.
type invocation struct {
	*Handler
	deliverer *delivery.Deliverer
	scanner   *trail.Scanner
	log       zerolog.Logger
	counts    alerting.Counts
	stop      time.Time // when no new item is begun; zero for never
}

// Invoke is lambda.Handler's. Of an SQS batch it answers which items failed; of
// anything else it answers null, or an error for Lambda to try again after.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	request := ""
	if c, ok := lambdacontext.FromContext(ctx); ok {
		request = c.AwsRequestID
	}
	log := h.Log.With().Str("request_id", request).Logger()
	d := *h.Deliverer
	d.Log = log
	in := &invocation{
		Handler: h, deliverer: &d, scanner: alerting.Scanner(), log: log,
		counts: alerting.Counts{settings.RecordsJudged: 0, settings.AlertsSent: 0, settings.AlertsFolded: 0, settings.Unreadable: 0, envelopeRejected: 0, poisonMessages: 0},
	}
	ctx, cancel := in.limit(ctx)
	defer cancel()
	answer, err := in.payload(ctx, payload)
	_, _ = h.Metrics.Write(in.counts.Line("signin", h.Now())) // a metric that is lost is no reason to try again
	return answer, err
}

// Of an invocation's time the last part is for answering: an answer that comes
// too late is a batch that is done twice.
const (
	forItems  = 5 * time.Second // no new item is begun with less left
	forAnswer = time.Second     // calls to AWS end with so much left
)

func (in *invocation) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited {
		return ctx, func() {}
	}
	left := time.Until(end)
	in.stop = end.Add(-min(forItems, left/4))
	return context.WithDeadline(ctx, end.Add(-min(forAnswer, left/8)))
}

// batch is a payload that Lambda's poller of SQS made.
type batch struct {
	Records []item
}

type item struct {
	MessageID   string `json:"messageId"`
	Body        string `json:"body"`
	EventSource string `json:"eventSource"`
	QueueARN    string `json:"eventSourceARN"`
	Attributes  struct {
		Received string `json:"ApproximateReceiveCount"`
	} `json:"attributes"`
}

// response is a partial batch response (Lambda developer guide, SQS error
// handling): what is not in it is deleted from the queue.
type response struct {
	Failures []failure `json:"batchItemFailures"`
}

type failure struct {
	Item string `json:"itemIdentifier"`
}

const fromSQS = "aws:sqs"

func (in *invocation) payload(ctx context.Context, payload []byte) ([]byte, error) {
	var b batch
	if json.Unmarshal(payload, &b) == nil && slices.ContainsFunc(b.Records, func(i item) bool { return i.EventSource == fromSQS }) {
		r, err := in.batch(ctx, b.Records)
		if err != nil {
			return nil, err
		}
		return json.Marshal(r)
	}
	if err := in.safely(func() error { return in.message(ctx, payload, 0) }); err != nil {
		in.failed(in.log.Error().Int("size", len(payload)), err)
		return nil, err
	}
	return []byte("null"), nil
}

// batch handles each item by itself. A batch from a queue that is not ours is
// refused whole: somebody changed what this function is connected to.
func (in *invocation) batch(ctx context.Context, items []item) (response, error) {
	for _, i := range items {
		if i.EventSource != fromSQS || !slices.Contains(in.Settings.Queues, i.QueueARN) {
			in.counts[envelopeRejected] += len(items)
			err := fmt.Errorf("%w: item %q comes from queue %q, which is not in MFAWATCH_QUEUE_ARNS: look at the function's event source mappings", errForged, cut(i.MessageID), cut(i.QueueARN))
			in.log.Error().Err(err).Int("items", len(items)).Msg("batch refused")
			return response{}, err
		}
	}
	r := response{Failures: []failure{}}
	for _, i := range items {
		if err := in.item(ctx, i); err != nil {
			line := in.log.Error().Str("message_id", i.MessageID).Str("received", i.Attributes.Received).Int("size", len(i.Body))
			in.failed(line, err)
			r.Failures = append(r.Failures, failure{i.MessageID})
		}
	}
	return r, nil
}

var errLate = errors.New("not begun: the invocation's time is nearly over")

func (in *invocation) item(ctx context.Context, i item) error {
	if !in.stop.IsZero() && time.Now().After(in.stop) {
		return errLate
	}
	return in.safely(func() error { return in.message(ctx, []byte(i.Body), 0) })
}

// safely keeps a panic to the item that caused it.
func (in *invocation) safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			in.scanner = alerting.Scanner() // the old one is in the middle of something
			err = fmt.Errorf("panic of %T: a fault of mfawatch, please report it", p)
		}
	}()
	return do()
}

// failed logs and counts an item that is tried again, or ends in the dead-letter
// queue.
func (in *invocation) failed(line *zerolog.Event, err error) {
	disposition := "retry"
	switch {
	case errors.Is(err, errForged):
		in.counts[envelopeRejected]++
		disposition = "rejected"
	case errors.Is(err, errPoison):
		in.counts[poisonMessages]++
		disposition = "poison"
	}
	line.Err(err).Str("disposition", disposition).Msg("item failed")
}

// record judges one record and delivers its alerts. envelope is the account that
// it came in the name of, where that is known.
func (in *invocation) record(ctx context.Context, record []byte, envelope string) error {
	j := in.Judge.Record(record)
	if envelope != "" && j.Event.Account != "" && j.Event.Account != envelope {
		return fmt.Errorf("%w: event %s is of account %s and came in the name of account %s", errForged, cut(j.Event.ID), cut(j.Event.Account), cut(envelope))
	}
	in.counts[settings.RecordsJudged]++
	if j.Unreadable() {
		in.counts[settings.Unreadable]++
	}
	if len(j.Alerts) == 0 {
		in.quiet(j)
	}
	var errs []error
	for _, a := range j.Alerts {
		errs = append(errs, in.deliver(ctx, a, record))
	}
	return alerting.Join(errs...)
}

func (in *invocation) deliver(ctx context.Context, a alert.Alert, records ...[]byte) error {
	done, err := in.deliverer.Deliver(ctx, a, alert.EvidenceOf(a, records...))
	in.counts.Delivered(done)
	return err
}

// quiet logs a decision that nobody is told of.
func (in *invocation) quiet(j alerting.Judged) {
	line := in.log.Info()
	if !j.Verdict.SignIn() {
		line = in.log.Debug()
	}
	line.Str("event_id", cut(j.Event.ID)).Str("account", cut(j.Event.Account)).Str("reason", string(j.Verdict.Reason)).Str("disposition", "quiet").Msg("judged")
}

// cut bounds a text that somebody else chose.
func cut(s string) string {
	return s[:min(len(s), 200)]
}
