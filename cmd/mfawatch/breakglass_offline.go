package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/internal/awserr"
	"mfawatch/internal/outfile"
	"mfawatch/internal/s3"
	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/breakglass/offline"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

// offlineFlags say where the offline way is kept on this machine.
type offlineFlags struct {
	bundle, record string
	yubikey        yubikeyFlags
	onKey          bool // the code, too, is a YubiKey's
}

func (f *offlineFlags) add(c *cobra.Command) {
	f.addPlaces(c)
	c.Flags().Uint32Var(&f.yubikey.serial, "yubikey", 0, "serial number of the YubiKey that opens the bundle's second part, where several are plugged in")
}

// addWithCode is add for commands that want a code, which a YubiKey may make.
func (f *offlineFlags) addWithCode(c *cobra.Command) {
	f.addPlaces(c)
	f.yubikey.addChoice(c, &f.onKey, "with --offline: take the code of the bundle's MFA device from a YubiKey, which is also the one that opens a second part")
}

func (f *offlineFlags) addPlaces(c *cobra.Command) {
	c.Flags().StringVar(&f.bundle, "bundle", "", "with --offline: the sealed bundle (default: breakglass/bundle.age in $MFAWATCH_HOME)")
	c.Flags().StringVar(&f.record, "record", "", "with --offline: folder of the local record (default: breakglass/record in $MFAWATCH_HOME)")
}

// desk is where the offline way is gone from.
type desk struct {
	*opener
	file, record string
	opens        bundle.Opener
	key          *pluggedKey
	f            offlineFlags
	aimed        bool // a person has just said whom it is sealed to
	bundle.Opened
}

// open opens the bundle.
func (f offlineFlags) open(ctx context.Context, t terminal, u unlocking) (*desk, error) {
	d, err := f.desk(t, u)
	if err != nil {
		return nil, err
	}
	if !isThere(d.file) { // what opens it is of no use then
		return nil, d.noBundle()
	}
	if d.opens.Identities, err = u.identities(t, d.home, false); err != nil {
		return nil, err
	}
	return d, d.read(ctx)
}

// file is where the bundle is looked for.
func (f offlineFlags) file(h home) string { return cmp.Or(f.bundle, h.glass("bundle.age")) }

// isThere is of a file that may be one; what is wrong with it, its reader says.
func isThere(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// noBundle says where else one may be.
func (d *desk) noBundle() error {
	return fmt.Errorf("there is no bundle %s: a copy may be on a stick or in the safe, with an identity that opens it: --bundle FILE --identity FILE; or go by the laptop of another person who has one; when all is well, 'mfawatch breakglass init --seal' makes one", d.file)
}

func (f offlineFlags) desk(t terminal, u unlocking) (*desk, error) {
	h, err := openHome()
	if err != nil {
		return nil, err
	}
	if err := h.makeGlass(); err != nil {
		return nil, err
	}
	d := &desk{opener: &opener{unlocking: u, t: t, home: h}, file: f.file(h), record: cmp.Or(f.record, h.glass("record")), key: &pluggedKey{serial: f.yubikey.serial, t: t}, f: f}
	d.opens.Second = func(ctx context.Context) (bundle.Responder, error) { return d.key, nil }
	return d, nil
}

func (d *desk) read(ctx context.Context) error {
	file, err := os.ReadFile(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		return d.noBundle()
	}
	if err != nil {
		return err
	}
	if d.Opened, err = d.opens.Open(ctx, file); err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	return nil
}

// wipe forgets the bundle's key, and what the YubiKey answered.
func (d *desk) wipe() {
	d.Secret.Wipe()
	d.key.wipe()
}

// keep seals other contents in the bundle's place, when the new file was seen to open,
// and remembers whom they are sealed to.
func (d *desk) keep(ctx context.Context, c bundle.Contents) error {
	file, err := d.seal(ctx, c)
	if err != nil {
		return err
	}
	err = outfile.Write(d.file, func(w io.Writer) error { _, err := w.Write(file); return err })
	if err != nil {
		return err
	}
	return d.pin(c.User, c.To)
}

// seal makes a bundle, and sees that it opens here.
func (d *desk) seal(ctx context.Context, c bundle.Contents) ([]byte, error) {
	file, err := bundle.Sealer{UI: seal.UI(d.t.err), Random: rand.Reader, Slot: d.Slot, Second: d.key}.Seal(ctx, c)
	if err != nil {
		return nil, err
	}
	got, err := d.opens.Open(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("the new bundle does not open, the old one stays: %w", err)
	}
	defer got.Secret.Wipe()
	if got.Key != c.Key || !got.Secret.Equal(c.Secret) {
		return nil, errors.New("the new bundle opens to something else, the old one stays")
	}
	return file, nil
}

// way is the offline way with what is here.
func (d *desk) way(ctx context.Context) (offline.Way, error) {
	codes, err := d.codes(ctx)
	if err != nil {
		return offline.Way{}, err
	}
	j, err := journal(d.record, d.Door+"."+d.Person)
	return offline.Way{Journal: j, Bundle: d.Contents, STS: d.sts, Codes: codes, Say: d.t.say, Now: time.Now}, err
}

// journal is the record of a folder, which names its chain; a new one's name has chance
// in it, so that two machines of a person are two chains.
func journal(dir, begins string) (offline.Journal, error) {
	j := offline.Journal{Folder: folder.Folder{Dir: dir}}
	lines, _, err := j.Folder.Read()
	if err != nil {
		return j, err
	}
	if len(lines) == 0 {
		j.Door = begins + "." + strings.ToLower(rand.Text()[:8])
		return j, nil
	}
	e, err := record.Parse(lines[0])
	j.Door = e.Door
	return j, err
}

// codes are of the bundle's device: of a YubiKey, of the sealed key if it is here, else
// typed.
func (d *desk) codes(ctx context.Context) (device.Codes, error) {
	b := &bench{opener: d.opener, f: deviceFlags{unlocking: d.unlocking, yubikey: d.f.yubikey, onKey: d.f.onKey}}
	var err error
	if b.ledger, b.floor, err = d.home.ledger(ctx); err != nil {
		return nil, err
	}
	return b.codes(ctx, d.Serial, false)
}

func (d *desk) sts(region string) device.STS {
	return sts.NewFromConfig(d.bare(region, credentials.NewStaticCredentialsProvider(d.Key, string(d.Secret.Reveal()), "")))
}

// bare is a configuration that no file of the machine can spoil: at night a profile may
// be half edited, and none is needed.
func (d *desk) bare(region string, c aws.CredentialsProvider) aws.Config {
	cfg := aws.Config{Region: region, Credentials: c, Logger: logging.Nop{}, HTTPClient: d.t.aws}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}

func runOffline(ctx context.Context, t terminal, f useFlags, named, command []string) error {
	if len(named) > 0 {
		return usage("--offline takes no request: there is no door to ask; a command to run comes after --")
	}
	if strings.TrimSpace(f.why) == "" {
		return usage("--why: say what burns; it stands in the record")
	}
	if f.duration < offline.Shortest || f.duration > offline.Longest || f.duration%time.Second != 0 {
		return usage("--duration %v: %v to %v are possible", f.duration, offline.Shortest, offline.Longest)
	}
	d, err := f.open(ctx, t, f.unlocking)
	if err != nil {
		return err
	}
	defer d.wipe()
	way, err := d.way(ctx)
	if err != nil {
		return err
	}
	s, err := d.use(ctx, way, offline.Ask{Why: f.why, Ticket: f.ticket, Duration: f.duration})
	if err != nil {
		return err
	}
	defer s.Wipe()
	fmt.Fprintf(t.err, "Session %s of %s until %s. Afterwards: mfawatch breakglass reconcile --to FOLDER\n", s.Name, report.Plain(d.Role), clock(s.Expires))
	if len(command) == 0 {
		return errors.Join(f.hand(ctx, t, s.Credentials, s.Region, nil), d.rotateAfter(ctx, f, s))
	}
	return d.rotateAround(ctx, f, s, func() error { return f.hand(ctx, t, s.Credentials, s.Region, command) })
}

func runOfflineDrill(ctx context.Context, t terminal, a askFlags, f offlineFlags) error {
	if a.role != "" || a.ticket != "" {
		return usage("--role and --ticket do not go with --offline: the bundle says the role, and it is not assumed")
	}
	d, err := f.open(ctx, t, a.unlocking)
	if err != nil {
		return err
	}
	defer d.wipe()
	way, err := d.way(ctx)
	if err != nil {
		return err
	}
	answers, err := way.Drill(ctx, cmp.Or(a.why, "drill"))
	var b strings.Builder
	dead := 0
	for _, one := range answers {
		state := "answers, and knows the key"
		if one.Err != nil {
			state, dead = "does not answer: "+awserr.Cause(one.Err), dead+1
		}
		fmt.Fprintf(&b, "STS in %s %s\n", one.Region, report.Plain(state))
	}
	if err != nil {
		return errors.Join(writeText(t, "", b.String()), err)
	}
	fmt.Fprintf(&b, "The bundle opens, and AWS takes its key with a code of %s. Nothing was assumed.\n", report.Plain(d.Serial))
	if err := writeText(t, "", b.String()); err != nil {
		return err
	}
	if dead > 0 {
		return exit{exitUnchecked, fmt.Errorf("%d of the bundle's Regions did not answer", dead)}
	}
	return nil
}

// offlineState is what status tells of the offline way.
type offlineState struct {
	Bundle   string     `json:"bundle"`
	There    bool       `json:"there"`
	Record   string     `json:"record"`
	Entries  int64      `json:"entries"`
	Drilled  *time.Time `json:"drilled,omitempty"`
	Used     *time.Time `json:"used,omitempty"`      // a session was given
	Tried    *time.Time `json:"tried,omitempty"`     // none was, or nobody knows: the last
	Outcome  string     `json:"outcome,omitempty"`   // of that: the record's reason, or not-recorded
	ToRotate string     `json:"to_rotate,omitempty"` // access key id

	asked string // the use whose end is not read yet
}

// notRecorded is the outcome of a use that was killed.
const notRecorded = "not-recorded"

// add takes the record's next entry.
func (s *offlineState) add(e record.Entry) {
	switch {
	case e.What == record.Drilled && e.Outcome == record.Done:
		s.Drilled = &e.At
	case e.What == record.Asked && e.Facts[record.Drill] == "":
		s.asked, s.Tried, s.Outcome = e.Request, &e.At, notRecorded
	case e.What == record.Issued:
		s.Used = &e.At
		if e.Request == s.asked {
			s.Tried, s.Outcome = nil, ""
		}
	case e.What == record.NotIssued && e.Request == s.asked:
		s.Outcome = e.Reason
	}
}

// read takes the local record.
func (s *offlineState) read() error {
	j, err := journal(s.Record, "new")
	if err != nil {
		return err
	}
	lines, r, err := j.Read()
	if err != nil {
		return err
	}
	s.Entries = r.Entries
	for _, line := range lines {
		e, err := record.Parse(line)
		if err != nil {
			return err
		}
		s.add(e)
	}
	return nil
}

func runOfflineStatus(t terminal, f offlineFlags, format string) error {
	d, err := f.desk(t, unlocking{})
	if err != nil {
		return err
	}
	s := offlineState{Bundle: d.file, Record: d.record}
	s.There = isThere(d.file)
	if err := s.read(); err != nil {
		return err
	}
	if o, err := d.owed(); err != nil {
		return err
	} else if at := o.of(d.place()); at >= 0 {
		s.ToRotate = o[at].From
	}
	if format == "json" {
		return printJSON(t, s)
	}
	return writeText(t, "", s.text())
}

func (s offlineState) text() string {
	when := func(at *time.Time) string {
		if at == nil {
			return "never"
		}
		return at.UTC().Format(time.RFC3339)
	}
	bundle := s.Bundle
	if !s.There {
		bundle += " (not there)"
	}
	text := fmt.Sprintf("Bundle:      %s\nRecord:      %s, %d entries\nLast drill:  %s\nLast use:    %s\n", report.Plain(bundle), report.Plain(s.Record), s.Entries, when(s.Drilled), when(s.Used))
	if s.Tried != nil {
		text += "Last try:    " + when(s.Tried) + ": " + report.Plain(s.cameTo()) + "\n"
	}
	if s.ToRotate != "" {
		text += "To rotate:   " + report.Plain(s.ToRotate) + ": mfawatch breakglass rotate --profile PROFILE\n"
	}
	return text
}

// cameTo says of a use that is not known to have given a session what it came to.
func (s offlineState) cameTo() string {
	var what string
	given := "no session was given"
	switch s.Outcome {
	case "unreachable":
		what = "STS was not reached"
	case "no-code":
		what = "no code was given"
	case "no-answer":
		what, given = "it failed", "no session was handed out"
	case "interrupted":
		what, given = "it was interrupted", "no session was handed out"
	case notRecorded:
		what, given = "how it ended is not recorded", "a session may have been given"
	default:
		what = "AWS refused (" + s.Outcome + ")"
	}
	if s.ToRotate == "" {
		given += ", and no rotation is owed"
	}
	return what + ": " + given
}

func newBreakglassReconcile(t terminal) *cobra.Command {
	var f offlineFlags
	var to, profile, region string
	c := &cobra.Command{
		Use:   "reconcile --to FOLDER|s3://BUCKET/PREFIX",
		Short: "Send the local record of offline uses to where the record is kept",
		Long: strings.TrimSpace(`
Copies the entries of this machine's record that are not there yet. What is there is
never replaced. A record that does not hold together is not sent. Then compare it with
CloudTrail: each session's name is in both.`),
		Example: strings.TrimRight(`
  mfawatch breakglass reconcile --to s3://mfawatch-break-glass-record/offline/ --profile admin
  mfawatch breakglass reconcile --to /media/usb/record`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return doorError(runReconcile(c.Context(), t, f, to, profile, region))
		},
	}
	f.addPlaces(c)
	c.Flags().StringVar(&to, "to", "", "a folder, or s3://BUCKET/PREFIX/")
	c.Flags().StringVar(&profile, "profile", "", "AWS profile, for a bucket")
	c.Flags().StringVar(&region, "region", "", "Region of the bucket (default: the profile's)")
	return c
}

func runReconcile(ctx context.Context, t terminal, f offlineFlags, to, profile, region string) error {
	if to == "" {
		return usage("--to: name a folder or s3://BUCKET/PREFIX/")
	}
	d, err := f.desk(t, unlocking{})
	if err != nil {
		return err
	}
	j, err := journal(d.record, "new")
	if err != nil {
		return err
	}
	var sent int
	if strings.HasPrefix(to, s3.Scheme) {
		sent, err = sendToBucket(ctx, t, j, to, profile, region)
	} else {
		sent, err = j.Send(ctx, folder.Folder{Dir: filepath.Join(to, j.Door)})
	}
	if err != nil {
		return err
	}
	d.sayOwed()
	return writeText(t, "", fmt.Sprintf("Sent %d entries of %s to %s.\n", sent, report.Plain(j.Door), report.Plain(to)))
}

// sendToBucket keeps each entry as an object of its own. One that is there already as
// it is costs a call and changes nothing.
func sendToBucket(ctx context.Context, t terminal, j offline.Journal, to, profile, region string) (int, error) {
	u, err := s3.ParseURL(to)
	if err != nil {
		return 0, usage("--to: %v", err)
	}
	lines, _, err := j.Read()
	if err != nil {
		return 0, err
	}
	cfg, err := awsConfig(ctx, t, profile, region)
	if err != nil {
		return 0, err
	}
	bucket := s3.Creator{Client: s3.Client(cfg), Bucket: u.Bucket}
	for i, line := range lines {
		key := fmt.Sprintf("%s%s/entries-%012d.jsonl", folderOf(u.Prefix), j.Door, i+1)
		place, err := bucket.Keep(ctx, key, append(bytes.Clone(line), '\n'))
		if err != nil {
			return i, err
		}
		if !strings.HasSuffix(place, key) {
			return i, fmt.Errorf("%s%s/%s holds another entry than this machine's record: this one is kept beside it, as %s; find out which was edited", s3.Scheme, u.Bucket, key, place)
		}
	}
	return len(lines), nil
}

func folderOf(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}
