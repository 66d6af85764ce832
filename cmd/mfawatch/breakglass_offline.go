package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/internal/awserr"
	"mfawatch/internal/iam"
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
	bundle.Opened
}

// open opens the bundle.
func (f offlineFlags) open(ctx context.Context, t terminal, u unlocking) (*desk, error) {
	d, err := f.desk(t, u)
	if err != nil {
		return nil, err
	}
	if d.opens.Identities, err = u.identities(t, d.home, false); err != nil {
		return nil, err
	}
	return d, d.read(ctx)
}

func (f offlineFlags) desk(t terminal, u unlocking) (*desk, error) {
	h, err := openHome()
	if err != nil {
		return nil, err
	}
	if err := h.makeGlass(); err != nil {
		return nil, err
	}
	d := &desk{opener: &opener{unlocking: u, t: t, home: h}, file: cmp.Or(f.bundle, h.glass("bundle.age")), record: cmp.Or(f.record, h.glass("record")), key: &pluggedKey{serial: f.yubikey.serial, t: t}, f: f}
	d.opens.Second = func(ctx context.Context) (bundle.Responder, error) { return d.key, nil }
	return d, nil
}

func (d *desk) read(ctx context.Context) error {
	file, err := os.ReadFile(d.file)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no bundle %s: 'mfawatch breakglass init --seal' makes one, when all is well", d.file)
	}
	if err != nil {
		return err
	}
	if d.Opened, err = d.opens.Open(ctx, file); err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	return nil
}

// keep seals other contents in the bundle's place, when the new file was seen to open.
func (d *desk) keep(ctx context.Context, c bundle.Contents) error {
	file, err := bundle.Sealer{UI: seal.UI(d.t.err), Random: rand.Reader, Slot: d.Slot, Second: d.key}.Seal(ctx, c)
	if err != nil {
		return err
	}
	got, err := d.opens.Open(ctx, file)
	if err != nil {
		return fmt.Errorf("the new bundle does not open, the old one stays: %w", err)
	}
	defer got.Secret.Wipe()
	if got.Key != c.Key || !got.Secret.Equal(c.Secret) {
		return errors.New("the new bundle opens to something else, the old one stays")
	}
	return outfile.Write(d.file, func(w io.Writer) error { _, err := w.Write(file); return err })
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
	return sts.NewFromConfig(bare(region, credentials.NewStaticCredentialsProvider(d.Key, string(d.Secret.Reveal()), "")))
}

// bare is a configuration that no file of the machine can spoil: at night a profile may
// be half edited, and none is needed.
func bare(region string, c aws.CredentialsProvider) aws.Config {
	cfg := aws.Config{Region: region, Credentials: c, Logger: logging.Nop{}}
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
	d, err := f.open(ctx, t, f.unlocking)
	if err != nil {
		return err
	}
	defer d.Secret.Wipe()
	way, err := d.way(ctx)
	if err != nil {
		return err
	}
	if err := d.owe(); err != nil {
		return err
	}
	s, err := way.Use(ctx, offline.Ask{Why: f.why, Ticket: f.ticket, Duration: f.duration})
	if err != nil {
		return err
	}
	defer s.Wipe()
	fmt.Fprintf(t.err, "Session %s of %s until %s. Afterwards: mfawatch breakglass reconcile --to FOLDER\n", s.Name, report.Plain(d.Role), s.Expires.UTC().Format(time.RFC3339))
	handed := f.hand(ctx, t, s.Credentials, s.Region, command)
	return errors.Join(handed, d.rotateAfter(ctx, f, s))
}

// owed is a rotation that is to be done. It is written before the key is used.
type owed struct {
	Bundle string `json:"bundle"`
	From   string `json:"from"` // access key id
}

func (d *desk) owedFile() string { return d.home.glass("rotation.json") }

func (d *desk) owe() error {
	place, err := filepath.Abs(d.file)
	if err != nil {
		return err
	}
	return writeJSON(d.owedFile(), owed{place, d.Key})
}

// rotateAfter rotates with the session of the role. The session was handed out: what
// fails now is said, and does not make it worthless.
func (d *desk) rotateAfter(ctx context.Context, f useFlags, s offline.Session) error {
	const later = "mfawatch breakglass rotate --profile PROFILE"
	if f.noRotation {
		fmt.Fprintf(d.t.err, "The bundle's key was used and is to be rotated: %s\n", later)
		return nil
	}
	if err := d.rotate(ctx, bare(s.Region, staticCredentials(s.Credentials)), d.Key); err != nil {
		d.t.say(fmt.Sprintf("the bundle's key was used and is not rotated: %v. When AWS answers: %s", err, later))
	}
	return nil
}

func (d *desk) rotate(ctx context.Context, cfg aws.Config, from string) error {
	r := bundle.Rotation{Keys: iam.NewAccessKeys(cfg), Keep: d.keep}
	fresh, err := r.Run(ctx, d.Contents, from)
	if err != nil {
		return err
	}
	if err := os.Remove(d.owedFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fmt.Fprintf(d.t.err, "The bundle's key is rotated: %s is gone, %s is in %s. Copy the new bundle to where copies are kept.\n", from, fresh.Key, d.file)
	return nil
}

func newBreakglassRotate(t terminal) *cobra.Command {
	var f offlineFlags
	var u unlocking
	var profile string
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Put a new access key into the bundle, and remove the old one",
		Long: strings.TrimSpace(`
Makes a new access key of the bundle's user, seals the bundle to it, sees that it opens,
and only then deactivates and deletes the old key. Killed anywhere, it can be run again:
there is always a bundle with a key that works. Needs iam:ListAccessKeys,
CreateAccessKey, UpdateAccessKey and DeleteAccessKey on that user.`),
		Example: "  mfawatch breakglass rotate --profile admin",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return doorError(runRotate(c.Context(), t, f, u, profile))
		},
	}
	u.add(c)
	f.add(c)
	c.Flags().StringVar(&profile, "profile", "", "AWS profile of who may change the user's keys")
	return c
}

func runRotate(ctx context.Context, t terminal, f offlineFlags, u unlocking, profile string) error {
	d, err := f.desk(t, u)
	if err != nil {
		return err
	}
	var o owed
	there, err := readJSON(d.owedFile(), &o)
	if err != nil {
		return err
	}
	if there && f.bundle == "" {
		f.bundle = o.Bundle
	}
	if d, err = f.open(ctx, t, u); err != nil {
		return err
	}
	defer d.Secret.Wipe()
	// age says nothing of who made a bundle: a new key is sealed only to what has the old.
	if err := (offline.Way{Bundle: d.Contents, STS: d.sts, Say: d.t.say}).Proved(ctx); err != nil {
		return fmt.Errorf("%s is not rotated: %w", d.file, err)
	}
	if place, _ := filepath.Abs(d.file); !there || place != o.Bundle {
		o.From = d.Key
		if err := d.owe(); err != nil {
			return err
		}
	}
	cfg, err := awsConfig(ctx, t, profile, d.Regions[0])
	if err != nil {
		return err
	}
	return d.rotate(ctx, cfg, o.From)
}

func runOfflineDrill(ctx context.Context, t terminal, a askFlags, f offlineFlags) error {
	if a.role != "" || a.ticket != "" {
		return usage("--role and --ticket do not go with --offline: the bundle says the role, and it is not assumed")
	}
	d, err := f.open(ctx, t, a.unlocking)
	if err != nil {
		return err
	}
	defer d.Secret.Wipe()
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
	Used     *time.Time `json:"used,omitempty"`
	ToRotate string     `json:"to_rotate,omitempty"` // access key id
}

func runOfflineStatus(t terminal, f offlineFlags, format string) error {
	d, err := f.desk(t, unlocking{})
	if err != nil {
		return err
	}
	s := offlineState{Bundle: d.file, Record: d.record}
	_, err = os.Stat(d.file)
	s.There = err == nil
	j, err := journal(d.record, "new")
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
		switch {
		case e.What == record.Drilled && e.Outcome == record.Done:
			s.Drilled = &e.At
		case e.What == record.Issued:
			s.Used = &e.At
		}
	}
	var o owed
	if _, err := readJSON(d.owedFile(), &o); err != nil {
		return err
	}
	s.ToRotate = o.From
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
	if s.ToRotate != "" {
		text += "To rotate:   " + report.Plain(s.ToRotate) + ": mfawatch breakglass rotate --profile PROFILE\n"
	}
	return text
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
	bucket := s3.Creator{Client: awss3.NewFromConfig(cfg, func(o *awss3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }), Bucket: u.Bucket}
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
