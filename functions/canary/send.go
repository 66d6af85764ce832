package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/metrics"
	"mfawatch/functions/settings"
	"mfawatch/internal/sqs"
)

// round is one run of send.
type round struct {
	*Handler
	log  zerolog.Logger
	run  string
	legs []leg

	dead   []int   // by leg: what a Region's dead-letter queue holds
	unread []error // by leg: why that is not known

	came    map[string]time.Duration // by nonce
	late    int
	foreign map[string]bool // by message: one comes again while it is left
	trail   time.Duration   // since the newest tag that came back was made
	tagged  bool            // one came back
}

// leg is one Region's part of a round.
type leg struct {
	region, nonce string
	sent          time.Time
	err           error // it could not be sent
}

// forEnd is what of an invocation's time is kept after the wait: for the
// heartbeat and the answer. Of that the last part is for the answer alone.
const (
	forEnd    = 12 * time.Second
	forAnswer = 3 * time.Second
)

// send tries the way of alerts of every Region.
func (h *Handler) send(ctx context.Context, log zerolog.Logger) (Result, error) {
	r := &round{Handler: h, log: log, run: h.run(), came: map[string]time.Duration{}, foreign: map[string]bool{}}
	end := h.Now().Add(h.Settings.Wait)
	if early, limited := h.until(ctx, forEnd); limited && early.Before(end) {
		end = early
	}
	waiting, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	unsent := r.put(waiting, end)
	counted := make(chan struct{})
	go func() { defer close(counted); r.count(waiting) }()
	unheard := r.collect(ctx, end)
	<-counted
	silent := r.report()
	r.measure(silent, r.beat(ctx, len(silent) == 0))
	result := Result{Sent: len(r.legs) - r.failed(), Returned: len(r.legs) - len(silent), Silent: silent, Late: r.late, Foreign: len(r.foreign)}
	log.Info().Str("run", r.run).Int("regions", len(r.legs)).Int("returned", result.Returned).Strs("silent", silent).Int("late", r.late).
		Int("foreign", result.Foreign).Msg("round ended")
	if unsent != nil && unheard != nil {
		return result, fmt.Errorf("%w; %w", unsent, unheard)
	}
	return result, cmp.Or(unsent, unheard)
}

// forCall is how long sending may take, and counting: a Region that does not
// answer must not use up the time in which the others come back.
const forCall = 10 * time.Second

// put sends every Region its canary. One that fails is no reason to leave out
// another.
func (r *round) put(ctx context.Context, end time.Time) error {
	for _, region := range r.Settings.Regions {
		r.legs = append(r.legs, leg{region: region, nonce: r.run + "-" + region})
	}
	ctx, cancel := context.WithTimeout(ctx, min(forCall, end.Sub(r.Now())/3))
	defer cancel()
	each(len(r.legs), func(i int) {
		l := &r.legs[i]
		l.sent = r.Now()
		l.err = r.Buses.Put(ctx, l.region, deployed.CanarySource, deployed.CanaryDetailType, deployed.CanaryDetail(l.nonce))
	})
	var errs []string
	for _, l := range r.legs {
		if l.err != nil {
			r.log.Error().Err(l.err).Str("region", l.region).Msg("canary not sent")
			errs = append(errs, l.err.Error())
		}
	}
	if errs == nil {
		return nil
	}
	return fmt.Errorf("%d of %d Regions cannot be sent to: %s", len(errs), len(r.legs), strings.Join(errs, "; "))
}

// failed is how many could not be sent to.
func (r *round) failed() int {
	n := 0
	for _, l := range r.legs {
		if l.err != nil {
			n++
		}
	}
	return n
}

// count asks each Region how many events a rule's target did not take.
func (r *round) count(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, forCall)
	defer cancel()
	r.dead, r.unread = make([]int, len(r.legs)), make([]error, len(r.legs))
	each(len(r.legs), func(i int) {
		r.dead[i], r.unread[i] = r.Depths.Depth(ctx, r.legs[i].region, deployed.DeadRules(r.Settings.Prefix))
	})
}

// again is how long to wait before a queue that refused is asked again.
const again = time.Second

// collect takes messages until every canary that was sent came back, or the time
// is over. It asks once in any case: what came since the last run is there. The
// error is that of a queue that never answered.
func (r *round) collect(ctx context.Context, end time.Time) error {
	waiting, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	answered := false
	var last error
	for first := true; first || r.missing(); first = false {
		left := end.Sub(r.Now())
		if left < time.Second {
			break
		}
		if !r.missing() {
			left = 0
		}
		messages, err := r.Queue.Receive(waiting, left)
		if err != nil {
			r.log.Warn().Err(err).Msg("queue not read")
			last = err
			pause(waiting, again)
			continue
		}
		answered = true
		r.take(ctx, messages)
	}
	if answered || last == nil {
		return nil
	}
	return fmt.Errorf("no canary can come back: %w", last)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// missing tells whether a canary that was sent has not come back.
func (r *round) missing() bool {
	return slices.ContainsFunc(r.legs, func(l leg) bool { _, came := r.came[l.nonce]; return l.err == nil && !came })
}

// take counts messages and deletes those that are the canary's. What is foreign
// is left: the queue's redrive policy moves it, after its tries, to where a person
// can look at what somebody sent here.
func (r *round) take(ctx context.Context, messages []sqs.Message) {
	var done []sqs.Message
	for _, m := range messages {
		if err := r.recognise(m); err != nil {
			if !r.foreign[m.ID] {
				r.log.Warn().Err(err).Str("message_id", cut(m.ID)).Int("size", len(m.Body)).Msg("foreign message, left in the queue")
			}
			r.foreign[m.ID] = true
			continue
		}
		done = append(done, m)
	}
	if err := r.Queue.Delete(ctx, done); err != nil {
		r.log.Warn().Err(err).Int("messages", len(done)).Msg("not deleted: the next run counts them as late")
	}
}

// report names every Region that is silent, and what a Region's dead-letter queue
// says.
func (r *round) report() []string {
	var silent []string
	for i, l := range r.legs {
		if _, came := r.came[l.nonce]; !came {
			silent = append(silent, l.region)
			r.log.Error().Str("region", l.region).Bool("sent", l.err == nil).Dur("waited", r.Now().Sub(l.sent)).Msg("region is silent: its canary did not come back")
		}
		switch {
		case r.unread[i] != nil:
			r.log.Error().Err(r.unread[i]).Str("region", l.region).Msg("the dead-letter queue of the rules is not known")
		case r.dead[i] > 0:
			r.log.Error().Str("region", l.region).Int("messages", r.dead[i]).Msg("a rule's target did not take events")
		}
	}
	return silent
}

// beat tells the heart of a whole round. It tells whether that failed.
func (r *round) beat(ctx context.Context, whole bool) bool {
	if r.Heart == nil || !whole {
		return false
	}
	if early, limited := r.until(ctx, forAnswer); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, early)
		defer cancel()
	}
	err := r.Heart.Beat(ctx)
	if err != nil {
		r.log.Error().Err(err).Msg("heartbeat failed")
	}
	return err != nil
}

// measure writes the round's metrics. What did not come has no time: alarms treat
// a metric that is missing as breaching.
func (r *round) measure(silent []string, beatFailed bool) {
	values := []metrics.Value{
		metrics.Count(settings.RegionsSilent, len(silent)), metrics.Count("LateCanaries", r.late), metrics.Count("ForeignMessages", len(r.foreign)),
	}
	dead, unread := 0, 0
	for i := range r.legs {
		dead += r.dead[i]
		if r.unread[i] != nil {
			unread++
		}
	}
	values = append(values, metrics.Count(settings.RegionDeadLetters, dead), metrics.Count("RegionsUnread", unread))
	worst := time.Duration(0)
	for _, d := range r.came {
		worst = max(worst, d)
	}
	if len(r.came) > 0 {
		values = append(values, metrics.Seconds(settings.RoundTrip, worst))
	}
	if r.tagged {
		values = append(values, metrics.Seconds(settings.TrailLegAge, r.trail))
	}
	if r.Heart != nil {
		failed := 0
		if beatFailed {
			failed = 1
		}
		values = append(values, metrics.Count("HeartbeatFailed", failed))
	}
	_, _ = r.Metrics.Write(metrics.Line(r.Now(), values, metrics.Function("canary"))) // a metric that is lost is one that an alarm misses
}
