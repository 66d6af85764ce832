package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/rs/zerolog"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/lambda"
	"mfawatch/internal/sns"
	"mfawatch/internal/sqs"
)

// Handler watches. It holds nothing from one invocation to the next but clients.
type Handler struct {
	Settings      settings.Canary
	Expected      deployed.Expected
	Buses         Buses
	Queue         Queue
	Depths        Depths
	Roles         Roles
	Subscriptions Subscriptions
	Trails        Trails
	Functions     Functions
	Topic         Topic
	Heart         Heart     // nil: none
	Metrics       io.Writer // for lines in the embedded metric format
	Log           zerolog.Logger
	Now           func() time.Time
}

// Buses are the event buses of every Region. All that their errors say may be
// logged and told to people; so it is with the other interfaces here.
type Buses interface {
	// Put fails when the event was not taken.
	Put(ctx context.Context, region, source, detailType string, detail []byte) error
	// Rules are all whose names begin with prefix, or an error.
	Rules(ctx context.Context, region, bus, prefix string) ([]deployed.Placed, error)
}

// Queue is where canaries come back. A message comes again until it is deleted.
type Queue interface {
	Receive(ctx context.Context, wait time.Duration) ([]sqs.Message, error)
	Delete(ctx context.Context, messages []sqs.Message) error
}

// Depths tells how many messages a Region's queue has.
type Depths interface {
	Depth(ctx context.Context, region, queue string) (int, error)
}

// Roles sets a tag of a role, and replaces one of the same key.
type Roles interface {
	Tag(ctx context.Context, role, key, value string) error
}

// Subscriptions are the topic's.
type Subscriptions interface {
	List(ctx context.Context) ([]sns.Subscription, error)
}

// Trails answers for a trail, by its ARN.
type Trails interface {
	Status(ctx context.Context, arn string) (cloudtrail.Status, error)
}

// Functions tells what may have switched a function off.
type Functions interface {
	Stopped(ctx context.Context, name string) (bool, error)
	Mappings(ctx context.Context, name string) ([]lambda.Mapping, error)
}

// Topic sends a message to whoever listens; an error means that nobody may have
// it. body is a JSON object of SNS's protocols.
type Topic interface {
	Publish(ctx context.Context, subject, body string, attributes map[string]string) (id string, err error)
}

// Heart is outside AWS and alarms when it was not told for some time.
type Heart interface {
	Beat(ctx context.Context) error
}

// Mode is what an event asks for. The texts are an interface: schedules hold
// them.
type Mode string

// The modes.
const (
	ModeSend  Mode = "send"
	ModeCheck Mode = "check"
	ModeTrail Mode = "trail"
)

// Event is the function's input.
type Event struct {
	Mode Mode `json:"mode"`
}

// Result is the function's output.
type Result struct {
	Mode     Mode     `json:"mode"`
	Sent     int      `json:"sent"`             // Regions
	Returned int      `json:"returned"`         // Regions
	Silent   []string `json:"silent,omitempty"` // Regions, those that could not be sent to among them
	Late     int      `json:"late"`             // canaries of earlier runs
	Foreign  int      `json:"foreign"`          // messages that are none of the canary's
	Findings int      `json:"findings"`         // of a check
}

// Handle does what the event asks for.
func (h *Handler) Handle(ctx context.Context, e Event) (Result, error) {
	request := ""
	if c, ok := lambdacontext.FromContext(ctx); ok {
		request = c.AwsRequestID
	}
	log := h.Log.With().Str("request_id", request).Str("mode", cut(string(e.Mode))).Logger()
	var result Result
	var err error
	switch e.Mode {
	case ModeSend:
		result, err = h.send(ctx, log)
	case ModeCheck:
		result, err = h.check(ctx, log)
	case ModeTrail:
		err = h.tag(ctx, log)
	default:
		err = fmt.Errorf(`event: mode %q is not one of send, check, trail: let the schedule's input be {"mode":"send"}`, cut(string(e.Mode)))
	}
	result.Mode = e.Mode
	if err != nil {
		log.Error().Err(err).Msg("failed")
	}
	return result, err
}

// tag sets a tag, whose event a later run of send sees come back.
func (h *Handler) tag(ctx context.Context, log zerolog.Logger) error {
	role, value := deployed.CanaryTarget(h.Settings.Prefix), h.run()+"-trail"
	if err := h.Roles.Tag(ctx, role, deployed.CanaryTag, value); err != nil {
		return fmt.Errorf("the trail cannot be tried: %w", err)
	}
	log.Info().Str("role", role).Str("value", value).Msg("tagged")
	return nil
}

// run names a run so that nobody can guess it.
func (h *Handler) run() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return h.Now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}

// until is when the work has to end that an answer must follow: reserve before
// the deadline, or a third of a time that is short.
func (h *Handler) until(ctx context.Context, reserve time.Duration) (time.Time, bool) {
	end, limited := ctx.Deadline()
	if !limited {
		return time.Time{}, false
	}
	return end.Add(-min(reserve, time.Until(end)/3)), true
}

// atOnce is how many Regions are asked at the same time.
const atOnce = 8

// each does n things, some at once, and waits for all.
func each(n int, do func(i int)) {
	var wait sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for i := range n {
		turn <- struct{}{}
		wait.Go(func() { do(i); <-turn })
	}
	wait.Wait()
}

// cut bounds a text that somebody else chose.
func cut(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
