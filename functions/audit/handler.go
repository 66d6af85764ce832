package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
	"mfawatch/functions/settings"
	"mfawatch/internal/securityhub"
)

// Handler audits. It decides the order of things and holds nothing from one
// invocation to the next.
type Handler struct {
	Settings settings.Audit
	Rules    posture.Rules
	Names    map[string]string // what people call their accounts, by number
	AWS      aws.Config
	Reports  Reports
	Topic    Topic
	Hub      func(aws.Config) Hub // of the account that the configuration is for
	Metrics  io.Writer            // for lines in the embedded metric format
	Log      zerolog.Logger
	Now      func() time.Time
}

// Hub takes findings of the account it is made for. It is safe to repeat: an
// import that is not newer is dropped by Security Hub.
type Hub interface {
	Import(ctx context.Context, asff []byte) (securityhub.Result, error)
}

// Handle does what an event asks for.
func (h *Handler) Handle(ctx context.Context, e Event) (Result, error) {
	request := ""
	if c, ok := lambdacontext.FromContext(ctx); ok {
		request = c.AwsRequestID
	}
	e.Run = cmp.Or(e.Run, request) // an asynchronous retry has the same id
	log := h.Log.With().Str("request_id", request).Logger()
	if err := e.check(); err != nil {
		log.Error().Err(err).Msg("event refused")
		return Result{}, err
	}
	if e.Began.IsZero() {
		e.Began = h.now()
	}
	log = log.With().Str("mode", string(e.Mode)).Str("run", e.Run).Int("part", e.Part).Logger()
	r, err := h.modes(log.WithContext(ctx), e)
	line := log.Info()
	if err != nil {
		line = log.Error().Err(err)
	}
	line.Str("account", r.Account).Str("organization", r.Organization).Bool("continue", r.Continue).Int("accounts", r.Accounts).Int("unread", r.Unread).
		Int("failures", r.Failures).Int("unknowns", r.Unknowns).Str("summary", r.Summary).Str("security_hub", r.Hub).Msg("audit")
	return r, err
}

func (h *Handler) modes(ctx context.Context, e Event) (Result, error) {
	switch e.Mode {
	case ModeList:
		return h.list(ctx, e)
	case ModeMember:
		return h.member(ctx, e)
	case ModeReduce:
		return h.reduce(ctx, e)
	}
	return h.account(ctx, e)
}

// account audits the function's own account.
func (h *Handler) account(ctx context.Context, e Event) (Result, error) {
	e.Account = h.Settings.Account
	at := h.place(e.Account)
	dir := at.run(e.Run)
	s, err := h.read(ctx, e, dir, func(context.Context) (reading, error) { return alone(h.AWS), nil })
	switch {
	case errors.Is(err, errOutOfTime):
		return e.next(), nil
	case err != nil:
		return Result{Mode: e.Mode, Run: e.Run, Account: e.Account}, err
	}
	a := report.Audit{Accounts: []posture.Account{h.named(posture.Judge(s, h.Rules), "")}}
	return h.conclude(ctx, e, at, a)
}

// named gives an account the name that people know it by.
func (h *Handler) named(judged posture.Account, name string) posture.Account {
	judged.Name = cmp.Or(h.Names[judged.Account], name)
	return judged
}

// conclude compares an audit with the one before, writes it, tells of it, and
// points to it last. Once the reports are written, what fails after them is no
// reason to leave out what comes then; it is returned, and the same run again
// does no more than what is left.
func (h *Handler) conclude(ctx context.Context, e Event, at place, a report.Audit) (Result, error) {
	r := e.result(a)
	var l latest
	if err := h.get(ctx, string(at)+latestName, &l); err != nil {
		return r, err
	}
	if l.Run != e.Run && l.TakenAt.After(a.TakenAt()) {
		r.Summary = summarySuperseded // a late repeat: a newer run was compared and told of
		return r, nil
	}
	previous, err := h.run(ctx, at, l.before(e.Run))
	if err != nil {
		return r, err
	}
	files, err := h.write(ctx, at.run(e.Run), &a, previous)
	if err != nil {
		return r, err
	}
	r.Report = h.Reports.URI(files.report)
	var unimported error
	if e.Mode == ModeAccount {
		r.Hub, unimported = h.importInto(ctx, e.Run, string(at), at.run, a, h.AWS)
		if errors.Is(unimported, errOutOfTime) && e.Part < maxParts {
			return e.next(), nil
		}
	}
	var untold error
	r.Summary, untold = h.tell(ctx, e, at, a, r.Report)
	h.measure(e, a, previous)
	pointed := h.put(ctx, string(at)+latestName, latest{
		Run: e.Run, Previous: l.before(e.Run), TakenAt: a.TakenAt(), Findings: at.run(e.Run) + findingsName, Report: files.report,
	})
	return r, oneLine(unimported, untold, pointed)
}

// result counts an audit.
func (e Event) result(a report.Audit) Result {
	s := a.Summary()
	r := Result{
		Mode: e.Mode, Run: e.Run, Organization: e.Organization, Account: e.Account,
		Accounts: len(a.Accounts), Failures: s.ByOutcome[audit.Fail], Unknowns: s.ByOutcome[audit.Unknown],
	}
	for _, account := range a.Accounts {
		if unread(account) {
			r.Unread++
		}
	}
	return r
}

// unread tells an account of which nothing could be read, though it was to be.
func unread(a posture.Account) bool {
	missing := map[audit.Fact]bool{}
	for _, g := range a.Gaps {
		if g.Subject == "" {
			missing[g.Fact] = true
		}
	}
	return missing[audit.FactCredentialReport] && missing[audit.FactAccountSummary] && missing[audit.FactUsers]
}

// run reads the findings of an earlier run. Where they are gone, everything is
// new again: better told twice than never.
func (h *Handler) run(ctx context.Context, at place, run string) (*report.Audit, error) {
	if run == "" {
		return nil, nil
	}
	a, err := h.audit(ctx, at.run(run)+findingsName)
	if err == nil && a == nil {
		zerolog.Ctx(ctx).Warn().Str("earlier_run", run).Msg("the findings of the earlier run are gone: everything counts as new")
	}
	return a, err
}

func (h *Handler) place(id string) place {
	prefix := h.Settings.ReportPrefix
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return place(prefix + id + "/")
}

func (h *Handler) now() time.Time { return h.Now().UTC() }

// reserve is what of an invocation's time is kept for judging, writing and
// telling; half of it where there is little.
const reserve = time.Minute

// until is the moment at which reading has to stop, zero for never.
func (h *Handler) until(ctx context.Context) time.Time {
	end, limited := ctx.Deadline()
	if !limited {
		return time.Time{}
	}
	return end.Add(-min(reserve, time.Until(end)/2))
}

// errOutOfTime is that the invocation's time is over and the work is kept.
var errOutOfTime = errors.New("out of time: invoke the function again with the event of its result")

// joined are several errors in one line.
type joined []error

func (j joined) Error() string {
	var texts []string
	for _, err := range j {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

func (j joined) Unwrap() []error { return j }

// oneLine joins errors, nil where there is none.
func oneLine(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return joined(errs)
}
