package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/breakglass/client"
	"mfawatch/totp/breakglass/wire"
	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

// askFlags are of a new request.
type askFlags struct {
	doorFlags
	role, why, ticket, format string
	duration                  time.Duration
	alone                     bool
}

func (f *askFlags) add(c *cobra.Command) {
	f.doorFlags.add(c)
	c.Flags().StringVar(&f.role, "role", "", "role, by its name in the rules")
	c.Flags().StringVar(&f.why, "why", "", "what burns; it stands in the record and in what others are told")
	c.Flags().StringVar(&f.ticket, "ticket", "", "ticket, where the rules want one")
	c.Flags().DurationVar(&f.duration, "duration", 15*time.Minute, "how long credentials last, 15m to 1h")
	formatFlag(c, &f.format, "text", "json")
}

func newBreakglassRequest(t terminal) *cobra.Command {
	var f askFlags
	c := &cobra.Command{
		Use:   "request --role ROLE --why WHY",
		Short: "Ask for a role",
		Long: strings.TrimSpace(`
Asks the door for a role, and prints the request's id. An approver agrees with
'mfawatch breakglass approve ID', and you open the door with 'mfawatch breakglass use
ID' on this machine: the identity that opens the credentials is made and sealed here.`),
		Example: strings.TrimRight(`
  mfawatch breakglass request --role admin --why "identity provider down" --ticket INC-7
  mfawatch breakglass request --role admin --why "alone on call" --alone`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return doorError(runAsk(c.Context(), t, f, false)) },
	}
	f.add(c)
	c.Flags().BoolVar(&f.alone, "alone", false, "there is nobody to approve: where the rules allow it, after a time to object, and louder")
	return c
}

func (f askFlags) valid() error {
	switch {
	case f.role == "":
		return usage("--role: name the role as the rules do")
	case strings.TrimSpace(f.why) == "":
		return usage("--why: say what burns")
	case f.duration < 15*time.Minute || f.duration > time.Hour || f.duration%time.Second != 0:
		return usage("--duration %v: 15m to 1h are possible", f.duration)
	}
	return nil
}

func runAsk(ctx context.Context, t terminal, f askFlags, drill bool) error {
	if err := f.valid(); err != nil {
		return err
	}
	c, kept, err := f.asker(ctx, t)
	if err != nil {
		return err
	}
	recipient, err := kept.New(ctx)
	if err != nil {
		return err
	}
	a, err := c.Do(ctx, wire.Command{
		Command: wire.Request, Role: f.role, Why: f.why, Ticket: f.ticket, Seconds: int(f.duration / time.Second), Drill: drill, Alone: f.alone, Recipient: recipient,
	})
	if err != nil {
		return err
	}
	if a.Request == nil {
		return fmt.Errorf("the door answered without a request: 'mfawatch breakglass status' tells whether it is there")
	}
	if err := kept.Bind(ctx, recipient, a.Request.ID); err != nil {
		return err
	}
	return printAsked(t, *a.Request, f.format)
}

// printAsked prints the id alone on standard output, and for a person what is next.
func printAsked(t terminal, a wire.Asked, format string) error {
	if format == "json" {
		return printJSON(t, a)
	}
	id := report.Plain(a.ID)
	fmt.Fprintf(t.err, "Request %s for %s is %s, until %s.\n", id, report.Plain(a.Role), report.Plain(a.State), clock(a.Ends))
	switch {
	case a.State == "waiting":
		fmt.Fprintf(t.err, "An approver runs: mfawatch breakglass approve %s\n", id)
	case a.From != nil:
		fmt.Fprintf(t.err, "It cools off until %s. Then: mfawatch breakglass use %s\n", clock(*a.From), id)
	default:
		fmt.Fprintf(t.err, "Who asked runs: mfawatch breakglass use %s\n", id)
	}
	return writeText(t, "", id+"\n")
}

// clock is a time, and how long that is from now: at night nobody reckons in UTC.
func clock(at time.Time) string {
	text := at.UTC().Format(time.RFC3339)
	if d := time.Until(at); d >= time.Minute {
		text += fmt.Sprintf(" (%d min)", int(d/time.Minute))
	}
	return text
}

// asHeard are the letters that the alphabet of ids leaves out, as they are heard or read for
// one of it (Crockford's base 32).
var asHeard = strings.NewReplacer("I", "1", "L", "1", "O", "0", " ", "", "-", "")

var requestForm = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{16}$`)

// requestID is a request's id as somebody typed it who heard it by telephone. What cannot
// be one is told before a code is asked for.
func requestID(typed string) (string, error) {
	id := asHeard.Replace(strings.ToUpper(strings.TrimSpace(typed)))
	if !requestForm.MatchString(id) {
		return "", exit{exitNotFound, errors.New("there is no such request: an id has 16 digits and letters, as 7QK3V1T0Z5N8B2MX: 'mfawatch breakglass status' lists those that are open; nothing was asked, and no code was used")}
	}
	return id, nil
}

// putForm puts the request's id of a command that has one into the door's form.
func putForm(command *wire.Command) (err error) {
	if command.Request != "" {
		command.Request, err = requestID(command.Request)
	}
	return err
}

// proved runs a command that wants a code.
func (f proofFlags) proved(ctx context.Context, t terminal, command wire.Command) (wire.Answer, error) {
	if err := putForm(&command); err != nil {
		return wire.Answer{}, err
	}
	c, err := f.caller(ctx, t)
	if err != nil {
		return wire.Answer{}, err
	}
	if command, err = f.prove(ctx, c, command); err != nil {
		return wire.Answer{}, err
	}
	return c.Do(ctx, command)
}

func newBreakglassApprove(t terminal) *cobra.Command {
	var f proofFlags
	c := &cobra.Command{
		Use:   "approve REQUEST",
		Short: "Agree to another person's request, with a code of yours",
		Long: strings.TrimSpace(`
Agrees to a request. Look at it first ('mfawatch breakglass status REQUEST'), and ask
the person by another way than the one the request came on: whoever took over their
account can ask in their name.`),
		Example: strings.TrimRight(`
  mfawatch breakglass approve 7QK3V1T0Z5N8B2MX --device bob-yubikey`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return doorError(f.approve(c.Context(), t, args[0]))
		},
	}
	f.add(c)
	return c
}

// approve shows what would be agreed to before a code is asked for. Whom the door shows
// nothing goes on all the same: it refuses by itself, in the same words as everything.
func (f proofFlags) approve(ctx context.Context, t terminal, typed string) error {
	id, err := requestID(typed)
	if err != nil {
		return err
	}
	c, err := f.caller(ctx, t)
	if err != nil {
		return err
	}
	if a, err := c.Do(ctx, wire.Command{Command: wire.Look, Request: id}); err == nil && a.Request != nil {
		fmt.Fprintf(t.err, "%s\n", report.Plain(wanted(*a.Request)))
	}
	command, err := f.prove(ctx, c, wire.Command{Command: wire.Approve, Request: id})
	if err != nil {
		return err
	}
	a, err := c.Do(ctx, command)
	if err != nil || a.Request == nil {
		return err
	}
	return printAsked(t, *a.Request, "text")
}

// wanted says who asks for what.
func wanted(a wire.Asked) string {
	text := fmt.Sprintf("%s asks for %s, for %d minutes: %q", a.Person, a.Role, a.Seconds/60, a.Why)
	if a.Ticket != "" {
		text += ", ticket " + a.Ticket
	}
	if a.Drill {
		text += " (a drill: nothing is granted)"
	}
	return text + "."
}

// handing is how a session is handed out.
type handing struct {
	format string
	show   bool
}

func (f *handing) add(c *cobra.Command) {
	formatFlag(c, &f.format, sessionFormats()...)
	c.Flags().BoolVar(&f.show, "show", false, "show the session's secrets on a terminal")
}

// valid is looked at before a code is spent.
func (f *handing) valid(t terminal, command []string) error {
	if len(command) == 0 && width(t.out) > 0 && !f.show {
		return usage("this would show the session's secrets on the terminal: put the line in eval \"$(…)\", or -- COMMAND after it; --show shows them; nothing was asked")
	}
	s := sessionFlags{key: "-", format: f.format, show: f.show}
	err := s.valid(t, command)
	f.format = s.format
	return err
}

func (f handing) hand(ctx context.Context, t terminal, c device.Credentials, region string, command []string) error {
	if len(command) > 0 {
		return runWith(ctx, t, c, region, command)
	}
	return printSession(t, c, f.format, region)
}

type useFlags struct {
	proofFlags
	handing
	offlineFlags
	why, ticket string
	duration    time.Duration
	noRotation  bool
}

func newBreakglassUse(t terminal, offline *bool) *cobra.Command {
	var f useFlags
	c := &cobra.Command{
		Use:   "use REQUEST [-- COMMAND…] | use --offline --why WHY [-- COMMAND…]",
		Short: "Open the door, with a code of yours, and have the session",
		Long: strings.TrimSpace(`
Opens the door for a request that has its approvals, with a code of who asked, on the
machine that asked. The session goes to a shell, a profile or a command, as with
'mfawatch session'. Where the answer was lost, the same line gives the same session
again within the minute.

With --offline there is no door, no request and no approval: the key out of the bundle
and a code of its device assume the role, in the first of the bundle's Regions that
answers. It is recorded here first. Then the key is rotated with the session, unless
--no-rotation leaves that to 'mfawatch breakglass rotate'.`),
		Example: strings.TrimRight(`
  eval "$(mfawatch breakglass use 7QK3V1T0Z5N8B2MX --device ada-yubikey)"
  mfawatch breakglass use 7QK3V1T0Z5N8B2MX -- aws sts get-caller-identity
  eval "$(mfawatch breakglass use --offline --why 'door down')"`, "\n"),
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			named, command := split(c, args)
			if err := f.handing.valid(t, command); err != nil {
				return err
			}
			if *offline {
				return doorError(runOffline(c.Context(), t, f, named, command))
			}
			return doorError(runUse(c.Context(), t, f, named, command))
		},
	}
	f.proofFlags.add(c)
	f.handing.add(c)
	f.offlineFlags.addWithCode(c)
	c.Flags().StringVar(&f.why, "why", "", "with --offline: what burns; it stands in the record")
	c.Flags().StringVar(&f.ticket, "ticket", "", "with --offline: a ticket")
	c.Flags().DurationVar(&f.duration, "duration", time.Hour, "with --offline: how long the session lasts, 15m to 1h")
	c.Flags().BoolVar(&f.noRotation, "no-rotation", false, "with --offline: leave the key to be rotated later")
	return c
}

// split tells the arguments before -- from the command after it.
func split(c *cobra.Command, args []string) (named, command []string) {
	if at := c.ArgsLenAtDash(); at >= 0 {
		return args[:at], args[at:]
	}
	return args, nil
}

func runUse(ctx context.Context, t terminal, f useFlags, named, command []string) error {
	if len(named) != 1 {
		return usage("name one request by its id; a command to run comes after --")
	}
	if f.why != "" || f.ticket != "" || f.bundle != "" || f.record != "" || f.noRotation {
		return usage("--why, --ticket, --bundle, --record and --no-rotation go with --offline; the request has said the rest")
	}
	id, err := requestID(named[0])
	if err != nil {
		return err
	}
	c, kept, err := f.asker(ctx, t)
	if err != nil {
		return err
	}
	q, err := f.prove(ctx, c, wire.Command{Command: wire.Use, Request: id})
	if err != nil {
		return err
	}
	a, err := c.open(ctx, q)
	if err != nil {
		return err
	}
	switch {
	case a.Grant == nil:
		return fmt.Errorf("the door answered without a grant: run it again within the minute")
	case a.Grant.Drill:
		fmt.Fprintf(t.err, "The drill came to its end: the door opened, and there is nothing to assume.\n")
		return kept.Forget(id)
	}
	opened, err := kept.Open(ctx, *a.Grant)
	if err != nil {
		return err
	}
	session := device.Credentials{AccessKeyID: opened.AccessKeyId, SecretAccessKey: seal.NewSecret([]byte(opened.SecretAccessKey)), SessionToken: seal.NewSecret([]byte(opened.SessionToken)), Expires: opened.Expiration}
	defer session.Wipe()
	fmt.Fprintf(t.err, "The door is open until %s. Done sooner: mfawatch breakglass end %s\n", clock(session.Expires), id)
	if len(command) > 0 { // it may run for an hour, and be killed
		if err := kept.Forget(id); err != nil {
			return err
		}
		return f.hand(ctx, t, session, c.Region, command)
	}
	if err := f.hand(ctx, t, session, c.Region, nil); err != nil {
		return err
	}
	return kept.Forget(id)
}

// open asks for the grant, and once more where AWS gave the door nothing: within the
// minute the door hands out the same grant, and takes no code for it.
// handedOutAgain is after how long the door hands out a grant again whose credentials it
// could not record: five seconds, so that of many who ask at once one has it.
const handedOutAgain = 6 * time.Second

func (c *caller) open(ctx context.Context, q wire.Command) (wire.Answer, error) {
	a, err := c.Do(ctx, q)
	if failed := (*client.Failed)(nil); !errors.As(err, &failed) || failed.Reason != wire.NotIssued && failed.Reason != wire.NotRecorded {
		return a, err
	}
	c.t.say("the door opened and AWS gave it no credentials: asking for the same grant again")
	pause := 2 * time.Second
	if failed := (*client.Failed)(nil); errors.As(err, &failed) && failed.Reason == wire.NotRecorded {
		pause = handedOutAgain
	}
	select {
	case <-ctx.Done():
		return a, err
	case <-time.After(pause):
	}
	return c.Do(ctx, q)
}

func newBreakglassEnd(t terminal) *cobra.Command {
	var f doorFlags
	c := &cobra.Command{
		Use:     "end REQUEST",
		Short:   "Say that you are done: AWS refuses the session from then on",
		Example: "  mfawatch breakglass end 7QK3V1T0Z5N8B2MX",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return doorError(f.plain(c.Context(), t, wire.Command{Command: wire.End, Request: args[0]}, "It is ended."))
		},
	}
	f.add(c)
	return c
}

// plain runs a command that answers with nothing but yes.
func (f doorFlags) plain(ctx context.Context, t terminal, command wire.Command, done string) error {
	if err := putForm(&command); err != nil {
		return err
	}
	c, err := f.caller(ctx, t)
	if err != nil {
		return err
	}
	if _, err := c.Do(ctx, command); err != nil {
		return err
	}
	return writeText(t, "", done+"\n")
}

func newBreakglassRevoke(t terminal) *cobra.Command {
	var f proofFlags
	c := &cobra.Command{
		Use:     "revoke REQUEST",
		Short:   "Take back a request, whoever made it and however far it is, with a code of yours",
		Example: "  mfawatch breakglass revoke 7QK3V1T0Z5N8B2MX --device cyd-yubikey",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := f.proved(c.Context(), t, wire.Command{Command: wire.Revoke, Request: args[0]}); err != nil {
				return doorError(err)
			}
			return writeText(t, "", "It is revoked. A session that was given is refused by AWS within a minute: 'mfawatch breakglass log' says when.\n")
		},
	}
	f.add(c)
	return c
}

func newBreakglassUnlock(t terminal) *cobra.Command {
	var f proofFlags
	c := &cobra.Command{
		Use:   "unlock DEVICE",
		Short: "Forget the wrong codes of a locked device: two people do so, within a quarter of an hour",
		Long: strings.TrimSpace(`
Two people run this, each with a code of a device that is not locked. The person of the
locked device may be one of them, with another device or with a sheet of recovery codes.
A device that is not locked and only waits needs nobody: its refusal says until when.`),
		Example: "  mfawatch breakglass unlock ada-totp --device bob-yubikey",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := f.proved(c.Context(), t, wire.Command{Command: wire.Unlock, Target: args[0]})
			if err != nil {
				return doorError(err)
			}
			if a.Unlocked {
				return writeText(t, "", "It is unlocked.\n")
			}
			return writeText(t, "", "That is one of two: another person runs the same within a quarter of an hour.\n")
		},
	}
	f.add(c)
	return c
}

func newBreakglassDrill(t terminal, offline *bool) *cobra.Command {
	var f askFlags
	var o offlineFlags
	c := &cobra.Command{
		Use:   "drill --role ROLE --why WHY | drill --offline",
		Short: "Practise: the whole way, and no privilege at its end",
		Long: strings.TrimSpace(`
Makes a request that is a drill. It is approved and used as any other, and everybody
hears of it; at its end there are no credentials, and the record says how long it took.

With --offline: opens the bundle, asks STS in each of its Regions, and has AWS check
the key and a code by GetSessionToken. That session could do no more than the bundle's
user, and is thrown away; no role is assumed. The local record says when.`),
		Example: strings.TrimRight(`
  mfawatch breakglass drill --role admin --why "quarterly drill"
  mfawatch breakglass drill --offline`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if *offline {
				return doorError(runOfflineDrill(c.Context(), t, f, o))
			}
			return doorError(runAsk(c.Context(), t, f, true))
		},
	}
	f.add(c)
	o.addWithCode(c)
	return c
}

func newBreakglassStatus(t terminal, offline *bool) *cobra.Command {
	var f doorFlags
	var o offlineFlags
	var format string
	c := &cobra.Command{
		Use:   "status [REQUEST]",
		Short: "List the requests that are open, or show one",
		Long: strings.TrimSpace(`
Lists the requests that are not over, or shows one. Which door is asked, and whether a
bundle is on this machine, is said before anything is asked for. With --offline: what the
local record says, when the last drill was, and whether a key is to be rotated.`),
		Example: strings.TrimRight(`
  mfawatch breakglass status
  mfawatch breakglass status 7QK3V1T0Z5N8B2MX --format json
  mfawatch breakglass status --offline`, "\n"),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if *offline {
				return doorError(runOfflineStatus(t, o, format))
			}
			return doorError(runStatus(c.Context(), t, f, o, args, format))
		},
	}
	f.add(c)
	o.addPlaces(c)
	formatFlag(c, &format, "table", "json")
	return c
}

func runStatus(ctx context.Context, t terminal, f doorFlags, o offlineFlags, args []string, format string) error {
	command := wire.Command{Command: wire.Open}
	if len(args) == 1 {
		command = wire.Command{Command: wire.Look, Request: args[0]}
	}
	if err := putForm(&command); err != nil {
		return err
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	d, err := f.place(h)
	if format != "json" {
		sayKnown(t, d, o.file(h))
	}
	if err != nil {
		return err
	}
	c, err := f.callerOf(ctx, t, h, d)
	if err != nil {
		return err
	}
	a, err := c.Do(ctx, command)
	if err != nil {
		return err
	}
	all := a.Requests
	if a.Request != nil {
		all = []wire.Asked{*a.Request}
	}
	if format == "json" {
		return printJSON(t, append([]wire.Asked{}, all...))
	}
	return printRequests(t, all)
}

// sayKnown says what is known before a passphrase is asked for and STS answers.
func sayKnown(t terminal, d doorFile, bundle string) {
	url, there := "not known", ""
	if d.URL != "" {
		url = d.URL + " (" + d.Door + ")"
	}
	if !isThere(bundle) {
		there = " (not there)"
	}
	fmt.Fprintf(t.err, "Door:    %s\nBundle:  %s\n", report.Plain(url), report.Plain(bundle+there))
}

func printRequests(t terminal, all []wire.Asked) error {
	if len(all) == 0 {
		return writeText(t, "", "No open requests.\n")
	}
	rows := [][]string{{"REQUEST", "STATE", "PERSON", "ROLE", "ENDS", "APPROVED BY", "WHY"}}
	for _, r := range all {
		what := ""
		if r.Drill {
			what = "drill: "
		}
		if r.Alone {
			what += "alone: "
		}
		rows = append(rows, []string{r.ID, r.State, r.Person, r.Role, clock(r.Ends), strings.Join(r.Approvers, " "), what + r.Why})
	}
	return printTable(t, rows)
}
