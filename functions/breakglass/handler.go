package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/rs/zerolog"

	"mfawatch/functions/settings"
	"mfawatch/internal/sts"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/wire"
)

// Handler runs the door's commands and does what they mean. It holds nothing from one
// invocation to the next but clients and the key of signed heads.
type Handler struct {
	Door    *breakglass.Door
	Callers Callers
	Roles   Roles
	Denials Denials
	Topic   Topic
	Archive record.Archive
	Signer  *signer
	Metrics io.Writer // for lines in the embedded metric format
	Log     zerolog.Logger
	Now     func() time.Time
}

// Roles assumes roles. Its errors show no credentials.
type Roles interface {
	Assume(ctx context.Context, s sts.Session) (sts.Credentials, error)
}

// Denials makes AWS refuse a role's sessions that have a tag of one of the values, and
// takes back what it made refuse before.
type Denials interface {
	Deny(ctx context.Context, role, tag string, values []string) error
}

// Topic sends a message to whoever listens; an error means that nobody may have it.
type Topic interface {
	Publish(ctx context.Context, subject, body string, attributes map[string]string) (id string, err error)
}

// Of an invocation's time the last part is for answering.
const forAnswer = time.Second

// Invoke is lambda.Handler's. Of a request it answers always, in the form of function
// URLs; of the schedule it fails where something could not be done, so that an alarm
// hears of it.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	id := ""
	if c, ok := lambdacontext.FromContext(ctx); ok {
		id = c.AwsRequestID
	}
	log := h.Log.With().Str("request_id", id).Logger()
	if end, limited := ctx.Deadline(); limited {
		left := time.Until(end)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-min(forAnswer, left/8)))
		defer cancel()
	}
	e, err := readEvent(payload)
	switch {
	case err != nil:
		log.Error().Err(err).Msg("event not read")
		return nil, err
	case e.Mfawatch == tending:
		return []byte("null"), h.tend(ctx, log)
	}
	status, a := h.request(ctx, log, e)
	return response(status, a)
}

// request answers one request. Notices of it are told in the same invocation, and by
// the schedule where they cannot be.
func (h *Handler) request(ctx context.Context, log zerolog.Logger, e event) (int, wire.Answer) {
	counts := measures{}
	claimed, call, c, err := e.command()
	var a wire.Answer
	if err == nil {
		log = log.With().Str("command", string(c.Command)).Str("caller", cut(claimed)).Logger()
		err = safely(log, func() error { a, err = h.proved(ctx, log, claimed, call, c); return err })
	}
	status, answer := h.answered(log, a, err, &counts)
	if err == nil && a.Grant != nil && !a.Grant.Drill {
		counts.add(settings.DoorGrants, 1)
	}
	_ = safely(log, func() error { h.after(ctx, log, c, err); return nil })
	h.measure(counts)
	return status, answer
}

// proved does a command of whom AWS confirms.
func (h *Handler) proved(ctx context.Context, log zerolog.Logger, claimed string, call wire.Call, c wire.Command) (wire.Answer, error) {
	who, err := h.prove(ctx, claimed, call, times(c))
	if err != nil {
		return wire.Answer{}, err
	}
	return h.do(ctx, log, who, c)
}

// safely keeps a panic to what caused it. What it was in the middle of is in the rows, or
// is not: the door's next transaction settles it. Nothing of the panic's value is
// logged, as it may hold anything.
func safely(log zerolog.Logger, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error().Str("panic", fmt.Sprintf("%T", p)).Str("stack", frames(debug.Stack())).Msg("a fault of mfawatch, please report it")
			err = errPanic
		}
	}()
	return do()
}

var errPanic = errors.New("the function has a fault")

// The texts of failures say what to do at three in the morning.
const (
	storeText       = "the door's rows could not be read or written, so it stays shut: try again, and use the offline way if that fails too"
	brokenText      = "the function failed and the door stays as it is: try again, and use the offline way if that fails too"
	notIssuedText   = "the door is open and AWS gave no credentials: use the same request again within the minute, without a new code"
	notRecordedText = "credentials could not be recorded, so they are not handed out: use the same request again within the minute, without a new code"
)

// answered makes an answer of what came of a request, and logs the decision in a line.
func (h *Handler) answered(log zerolog.Logger, a wire.Answer, err error, counts *measures) (int, wire.Answer) {
	if err == nil {
		log.Info().Str("outcome", "done").Msg("answered")
		return http.StatusOK, a
	}
	if r := (*breakglass.Refusal)(nil); errors.As(err, &r) {
		counts.add(settings.DoorRefusals, 1)
		log.Warn().Str("outcome", "refused").Str("reason", string(r.Reason)).AnErr("cause", errors.Unwrap(r)).Msg("answered")
		return http.StatusForbidden, wire.Answer{Refused: refused(r)}
	}
	if p := (*problem)(nil); errors.As(err, &p) {
		if p.reason == wire.NoCaller || p.reason == wire.CallerUnproved {
			counts.add(settings.DoorUnproved, 1)
		}
		log.Warn().Str("outcome", "failed").Str("reason", string(p.reason)).Err(err).AnErr("cause", p.cause).Msg("answered")
		return p.status, wire.Answer{Failed: &wire.Failed{Reason: p.reason, Text: p.text}}
	}
	counts.add(settings.DoorFailures, 1)
	status, f := failed(err)
	log.Error().Str("outcome", "failed").Str("reason", string(f.Reason)).Str("error", cut(err.Error())).Msg("answered")
	return status, wire.Answer{Failed: &f}
}

func refused(r *breakglass.Refusal) *wire.Refused {
	out := &wire.Refused{Reason: string(r.Reason), Text: r.Error()}
	if !r.Until.IsZero() {
		out.Until = &r.Until
	}
	return out
}

func failed(err error) (int, wire.Failed) {
	switch n, unrecorded, unknown := (*notIssued)(nil), (*notRecorded)(nil), (*unchecked)(nil); {
	case errors.As(err, &n):
		return http.StatusBadGateway, wire.Failed{Reason: wire.NotIssued, Text: notIssuedText}
	case errors.As(err, &unrecorded):
		return http.StatusServiceUnavailable, wire.Failed{Reason: wire.NotRecorded, Text: notRecordedText}
	case errors.As(err, &unknown):
		return http.StatusServiceUnavailable, wire.Failed{Reason: wire.ProofUnchecked, Text: uncheckedText}
	case errors.Is(err, errPanic):
		return http.StatusInternalServerError, wire.Failed{Reason: wire.Broken, Text: brokenText}
	}
	return http.StatusServiceUnavailable, wire.Failed{Reason: wire.StoreDown, Text: storeText}
}

// cut bounds a text that somebody else chose.
func cut(s string) string {
	return s[:min(len(s), 400)]
}

var argument = regexp.MustCompile(`\([^()]*\)`)

// frames are the functions of a stack, without what they were given.
func frames(stack []byte) string {
	text := argument.ReplaceAllString(string(stack), "(…)")
	return text[:min(len(text), 2000)]
}
