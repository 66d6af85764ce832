package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/cobra"

	"mfawatch/internal/awserr"
	"mfawatch/internal/outfile"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/client"
	"mfawatch/totp/breakglass/wire"
	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

func newBreakglass(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:     "breakglass",
		Aliases: []string{"break-glass"},
		Short:   "The emergency door: ask for a role, agree, open, and read the record",
		Long: strings.TrimSpace(`
Asks the emergency door for a role when the usual way in is down: one person asks,
another agrees with a code, the first opens the door with a code and has a session
of the role for up to an hour. Everybody hears of it, and the record cannot be edited
unseen. Where the door itself does not answer, --offline goes by a bundle that is
sealed on this machine. docs/break-glass.md begins with what to type at night.

Exit codes: 0 done, or those of COMMAND; 3 the door or AWS refused, 5 no such request
or device, 7 not now: locked, or wait, 8 no YubiKey, 1 it could not be asked.`),
		Example: "  mfawatch breakglass request --role admin --why \"sign-in is down\"\n  mfawatch breakglass use --offline --why \"the door is down\"",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	offline := c.PersistentFlags().Bool("offline", false, "go by the bundle on this machine, without the door (use, drill, status)")
	c.AddCommand(newBreakglassInit(t), newBreakglassEnrol(t), newBreakglassRequest(t), newBreakglassApprove(t), newBreakglassUse(t, offline), newBreakglassEnd(t),
		newBreakglassRevoke(t), newBreakglassUnlock(t), newBreakglassDrill(t, offline), newBreakglassStatus(t, offline), newBreakglassLog(t), newBreakglassCodes(t),
		newBreakglassReconcile(t), newBreakglassRotate(t))
	for _, sub := range c.Commands() {
		onlineOnly(sub, offline)
	}
	return c
}

// onlineOnly refuses --offline where it means nothing: a person who gives it would
// believe that the door was not asked.
func onlineOnly(c *cobra.Command, offline *bool) {
	if slices.Contains([]string{"use", "drill", "status"}, c.Name()) {
		return
	}
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			if *offline {
				return usage("--offline goes with use, drill and status")
			}
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		onlineOnly(sub, offline)
	}
}

// wayOut is what is left where the door cannot be asked. Without a network nothing is:
// the offline way asks STS, too.
func wayOut() string {
	return "if this machine has no network, a telephone's hotspot first: every way asks STS; if it is the door or its Region that is down: " + offlineWay()
}

func offlineWay() string {
	return `mfawatch breakglass use --offline --why "the door is down"` + noBundleHere()
}

// noBundleHere says that the offline way is not to be gone from here as it is; nothing where
// a bundle is there.
func noBundleHere() string {
	dir, err := statePath()
	if err != nil || isThere(home{dir}.glass("bundle.age")) {
		return ""
	}
	return "; no bundle is on this machine: one of a stick or the safe is named with --bundle and --identity, or go by the laptop of a person who has one"
}

// doorError gives an error of the door its exit code.
func doorError(err error) error {
	var refused *client.Refused
	var failed *client.Failed
	var kept *client.NotLetIn
	switch {
	case err == nil || errors.As(err, &exit{}):
		return err
	case errors.As(err, &refused):
		refused.Text = timed(refused.Refused)
		return exit{refusalCode(breakglass.Reason(refused.Reason)), err}
	case errors.As(err, &failed) && (failed.Reason == wire.NotIssued || failed.Reason == wire.NotRecorded):
		return exit{exitLater, err}
	case errors.As(err, &failed) && failed.Reason != wire.BadCommand && failed.Reason != wire.NoCaller && failed.Reason != wire.CallerUnproved:
		return cannotRun(fmt.Errorf("%w; where it does not come back: %s", err, offlineWay()))
	case errors.Is(err, client.ErrUnreachable):
		return cannotRun(fmt.Errorf("%w; %s", err, wayOut()))
	case errors.As(err, &kept) && kept.Status == http.StatusTooManyRequests:
		return exit{exitLater, err}
	case kept != nil && kept.IsNoDoor():
		return ringError(fmt.Errorf("%w%s", err, noBundleHere()))
	case errors.Is(err, device.ErrDenied):
		return exit{exitRefused, err}
	}
	return ringError(err)
}

// timed is the door's text, with how long it is until the time in them.
func timed(r wire.Refused) string {
	if r.Until == nil {
		return r.Text
	}
	at, d := r.Until.UTC().Format(time.RFC3339), time.Until(*r.Until)
	text := at
	switch {
	case d > 0 && d < time.Minute:
		text += fmt.Sprintf(" (%d s)", int(d/time.Second)+1)
	case d > 0:
		text += fmt.Sprintf(" (%d min)", int((d+time.Minute-1)/time.Minute))
	}
	return strings.Replace(r.Text, at, text, 1)
}

// refusalCode is what a program is told of a refusal: there is no such thing, later, or no.
func refusalCode(r breakglass.Reason) int {
	switch r {
	case breakglass.NoSuchRequest, breakglass.NoSuchDevice:
		return exitNotFound
	case breakglass.Wait, breakglass.Locked, breakglass.CoolingOff, breakglass.NotApproved, breakglass.TooSlow, breakglass.TooMany, breakglass.TooOften:
		return exitLater
	case breakglass.Unavailable, breakglass.ClockBehind:
		return exitCannotRun
	}
	return exitRefused
}

// doorFile is what init remembers of the door. None of it is secret.
type doorFile struct {
	URL     string `json:"url,omitempty"`
	Door    string `json:"door,omitempty"` // its name in the rules
	Region  string `json:"region,omitempty"`
	Profile string `json:"profile,omitempty"` // with the caller's own access key
	Key     string `json:"key,omitempty"`     // the caller's MFA device at AWS
	Device  string `json:"device,omitempty"`  // the caller's device at the door
}

func (h home) glass(name string) string { return filepath.Join(h.dir, "breakglass", name) }

// makeGlass makes the folder of what the door is asked with.
func (h home) makeGlass() error {
	if err := os.MkdirAll(h.glass(""), 0o700); err != nil {
		return fmt.Errorf("make the folder of the emergency door: %w", err)
	}
	return nil
}

func (h home) door() (doorFile, error) {
	var d doorFile
	_, err := readJSON(h.glass("door.json"), &d)
	return d, err
}

// readJSON tells whether the file is there.
func readJSON(name string, v any) (there bool, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, fmt.Errorf("%s is not as mfawatch writes it: make it anew with 'mfawatch breakglass init'", name)
	}
	return true, nil
}

func writeJSON(name string, v any) error {
	return outfile.Write(name, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	})
}

// doorFlags are those of every command that asks the door.
type doorFlags struct {
	unlocking
	doorFile
}

func (f *doorFlags) add(c *cobra.Command) {
	f.unlocking.add(c)
	c.Flags().StringVar(&f.URL, "url", "", "the door's function URL (default: $MFAWATCH_BREAKGLASS_URL, else as init was told)")
	c.Flags().StringVar(&f.Door, "door", "", "the door's name, as the rules have it (default: as init was told, else mfawatch)")
	c.Flags().StringVar(&f.Region, "region", "", "Region of the door (default: the URL's)")
	c.Flags().StringVar(&f.Profile, "profile", "", "AWS profile of your user of the door")
	c.Flags().StringVar(&f.Key, "key", "", "your MFA device at AWS, or the name of its sealed key: gets a session with MFA (default: the credentials are of one)")
}

// usualDoor is a door's name where mfawatch.yaml says none.
const usualDoor = "mfawatch"

// caller is who asks the door, and with what.
type caller struct {
	client.Door
	*opener
	file  doorFile
	whose string // credentials it is asked with
}

// Do is the door's. Whom AWS does not let through is told with whose credentials that was.
func (c *caller) Do(ctx context.Context, q wire.Command) (wire.Answer, error) {
	a, err := c.Door.Do(ctx, q)
	if kept := (*client.NotLetIn)(nil); errors.As(err, &kept) && kept.Status == http.StatusForbidden {
		err = fmt.Errorf("%w; %s", err, c.whose)
	}
	return a, err
}

// whose says where the credentials are from.
func (f doorFlags) whose(d doorFile) string {
	switch {
	case d.Profile == "":
		return "the credentials were the environment's or the default profile's: --profile names another"
	case f.Profile == "":
		return fmt.Sprintf("the AWS profile was %q, as init was told: --profile names another", d.Profile)
	}
	return fmt.Sprintf("the AWS profile was %q, of --profile", d.Profile)
}

func (f doorFlags) caller(ctx context.Context, t terminal) (*caller, error) {
	h, err := openHome()
	if err != nil {
		return nil, err
	}
	d, err := f.place(h)
	if err != nil {
		return nil, err
	}
	return f.callerOf(ctx, t, h, d)
}

// place is which door is asked, and as whom. Nothing is opened for it, and nobody asked.
func (f doorFlags) place(h home) (doorFile, error) {
	known, err := h.door()
	if err != nil {
		return doorFile{}, err
	}
	d := doorFile{
		URL: cmp.Or(f.URL, os.Getenv("MFAWATCH_BREAKGLASS_URL"), known.URL), Profile: cmp.Or(f.Profile, known.Profile),
		Key: cmp.Or(f.Key, known.Key), Device: cmp.Or(f.Device, known.Device), Door: cmp.Or(f.Door, known.Door, usualDoor),
	}
	if d.URL == "" {
		return d, usage("--url: the door's URL is not known on this machine: it is the output DoorUrl of the stack mfawatch-breakglass; name it, or 'mfawatch breakglass init --url URL' once; without it: mfawatch breakglass use --offline --why \"the door's URL is not known\"%s", noBundleHere())
	}
	if err := client.CheckURL(d.URL); err != nil { // it may hold what is not to be shown
		return doorFile{}, usage("--url: %v", err)
	}
	if d.Region = cmp.Or(f.Region, client.RegionOf(d.URL), known.Region); d.Region == "" {
		return d, usage("--region: the URL does not say the door's Region: name it")
	}
	return d, nil
}

func (f doorFlags) callerOf(ctx context.Context, t terminal, h home, d doorFile) (*caller, error) {
	credentials, err := f.credentials(ctx, t, d)
	if err != nil && d.Profile != "" {
		return nil, fmt.Errorf("%w; %s", err, f.whose(d))
	}
	if err != nil {
		return nil, err
	}
	return &caller{
		whose:  f.whose(d),
		Door:   client.Door{URL: d.URL, Name: d.Door, Region: d.Region, Credentials: credentials, HTTP: &http.Client{Timeout: 30 * time.Second}, Now: time.Now},
		opener: &opener{unlocking: f.unlocking, t: t, home: h}, file: d,
	}, nil
}

// credentials are a session with MFA where a device is named, else those of the profile,
// of which AWS sees whether they are of one.
func (f doorFlags) credentials(ctx context.Context, t terminal, d doorFile) (aws.CredentialsProvider, error) {
	if d.Key == "" {
		cfg, err := awsConfig(ctx, t, d.Profile, d.Region)
		if err != nil {
			return nil, err
		}
		if _, err := cfg.Credentials.Retrieve(ctx); noAnswer(err) { // other errors are the door's client's to word
			return nil, fmt.Errorf("find credentials to call the door with: %s; %s", awserr.Cause(err), wayOut())
		}
		return cfg.Credentials, nil
	}
	s := sessionFlags{deviceFlags: deviceFlags{unlocking: f.unlocking, profile: d.Profile, region: d.Region}, key: d.Key}
	b, err := s.bench(ctx, t)
	if err != nil {
		return nil, err
	}
	var silent bool
	b.cfg.APIOptions = append(b.cfg.APIOptions, noting(&silent))
	c, err := s.session(ctx, b)
	if err != nil && (silent || noAnswer(err)) {
		return nil, fmt.Errorf("%w; %s", err, wayOut())
	}
	if err != nil {
		return nil, err
	}
	return staticCredentials(c), nil
}

// noAnswer tells that nobody was reached. An instance's metadata, which a laptop asks for
// where it has no credentials, is nobody to be reached.
func noAnswer(err error) bool {
	var network net.Error
	var asked *smithy.OperationError
	metadata := errors.As(err, &asked) && asked.ServiceID == "ec2imds"
	return errors.As(err, &network) && awserr.Status(err) == 0 && !metadata
}

// noting notes whether the last call of a client had no answer: the words of an error that
// a person is shown do not tell a program.
func noting(silent *bool) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("BreakglassNoAnswer", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, more, err := next.HandleDeserialize(ctx, in)
			*silent = noAnswer(err)
			return out, more, err
		}), middleware.Before)
	}
}

// asker is who asks for a request, or uses one, and the identities of requests made here.
func (f doorFlags) asker(ctx context.Context, t terminal) (*caller, client.Requests, error) {
	h, err := openHome()
	if err != nil {
		return nil, client.Requests{}, err
	}
	d, err := f.place(h)
	if err == nil {
		err = f.seals(h)
	}
	if err != nil {
		return nil, client.Requests{}, err
	}
	c, err := f.callerOf(ctx, t, h, d)
	if err != nil {
		return nil, client.Requests{}, err
	}
	kept, err := c.requests(ctx)
	return c, kept, err
}

// seals refuses a machine on which a passphrase would have to be invented: at night nobody
// knows what for, and a machine without a key is the wrong one.
func (u unlocking) seals(h home) error {
	to, err := h.recipients()
	if err != nil || len(to) > 0 && to[0] != byPassphrase || u.passphraseFile() != "" {
		return err
	}
	closed, err := h.closed()
	if err != nil || underPassphrase(closed) != "" {
		return err
	}
	return fmt.Errorf("there is no sealed key on this machine, and so nothing that the request could be sealed to; nothing was asked: "+
		"go to the machine that has yours, or name a file of a passphrase with --passphrase-file; without the door: %s; "+
		"when all is well: 'mfawatch device create' seals a key here, and 'mfawatch breakglass enrol' makes a device at the door", offlineWay())
}

// requests are the identities of requests made here.
func (c *caller) requests(ctx context.Context) (client.Requests, error) {
	keys, err := c.both(ctx)
	if err != nil {
		return client.Requests{}, err
	}
	if err := c.home.makeGlass(); err != nil {
		return client.Requests{}, err
	}
	s, err := seal.OpenStore(c.home.glass("requests"), keys)
	return client.Requests{Seals: s, Say: c.t.say}, err
}

// proofFlags say which device proves who is there.
type proofFlags struct {
	doorFlags
	sealed string
}

func (f *proofFlags) add(c *cobra.Command) {
	f.doorFlags.add(c)
	c.Flags().StringVar(&f.Device, "device", "", "your device at the door, by its id in the rules (default: as init was told)")
	c.Flags().StringVar(&f.sealed, "code-of", "", "make the code with this key, which is sealed here (default: it is asked for, or read from standard input)")
}

// prove fills a command with a code. Two that follow each other may be typed, with a space.
func (f proofFlags) prove(ctx context.Context, c *caller, command wire.Command) (wire.Command, error) {
	if c.file.Device == "" {
		return command, usage("--device: name your device at the door by its id in the rules")
	}
	command.Device = c.file.Device
	if f.sealed != "" {
		code, err := c.leased(ctx, f.sealed)
		command.Code = wire.Code(code)
		return command, err
	}
	line, err := c.t.readLine("Code of " + command.Device + ": ")
	if ctx.Err() != nil {
		return command, interruptedAt(c.t)
	}
	if err != nil {
		return command, err
	}
	if command.Code = wire.Code(strings.TrimSpace(line)); command.Code == "" {
		return command, errors.New("no code was typed: nothing was asked")
	}
	return command, nil
}

// interruptedAt ends the line of a prompt at which a person gave up, and says what it cost.
func interruptedAt(t terminal) error {
	fmt.Fprintln(t.err)
	return errors.New("interrupted at the prompt: nothing was sent, and no code was used")
}

// leased is a code of a key that is sealed here, and nobody else's.
func (o *opener) leased(ctx context.Context, ref string) (string, error) {
	key, err := o.open(ctx, ref)
	if err != nil {
		return "", err
	}
	l, err := key.lease(ctx, codeFlags{validity: usualValidity})
	if err != nil {
		return "", err
	}
	if err := waitUntil(ctx, o.t, l.From); err != nil {
		return "", err
	}
	return key.key.At(l.Step)
}
