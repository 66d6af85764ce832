package main

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"mfawatch/functions/alerting/awstest"
	"mfawatch/functions/settings"
	"mfawatch/internal/fakeaws"
	"mfawatch/internal/lambdatest"
)

// What the functions are held to.
const (
	mostZIP      = 4_000_000 // bytes
	mostResident = 12 << 20
	mostInit     = 2 // times the processor time of the bare bootstrap
)

const (
	own    = "111122223333"
	region = "eu-north-1"
	queue  = "arn:aws:sqs:" + region + ":" + own + ":sign-ins"
	file   = "version: 1\naccounts:\n  \"111122223333\": prod\n"
)

// subject is a function that is measured, with an environment of stand-ins.
type subject struct {
	name  string
	bin   string
	env   []string
	event []byte // the first that it is given
	zip   int64  // bytes for arm64; 0 for the base

	ready, response []time.Duration
	init, all       []time.Duration // processor time until it asks for work, and until it has answered
	idle            []int64
}

// functions measures the Lambda functions as they are released.
func functions(starts, rounds int) error {
	dir, err := os.MkdirTemp("", "mfawatch-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	srv := awstest.Start(own)
	defer srv.Close()
	all, err := subjects(dir, srv)
	if err != nil {
		return err
	}
	fmt.Printf("the functions: %d interleaved starts, stand-ins for AWS and for Lambda's Runtime API on this machine\n", starts)
	for range starts {
		for i := range all {
			if err := all[i].start(); err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
	}
	startTable(all)
	for _, s := range all {
		if s.name == "signin" {
			return throughput(s, srv, rounds)
		}
	}
	return errors.New("internal/release built no function signin")
}

// subjects are the bare bootstrap, the base of all ratios, and the functions.
func subjects(dir string, srv *awstest.Server) ([]subject, error) {
	bare, err := lambdatest.Build("./internal/bench/testdata/bare", dir)
	if err != nil {
		return nil, err
	}
	all := []subject{{name: "bare aws-lambda-go", bin: bare, event: []byte("{}")}}
	zips := filepath.Join(dir, "zips")
	if out, err := exec.Command("go", "run", "./internal/release", "-out", zips).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("internal/release: %w\n%s", err, out)
	}
	for name, f := range deployed(srv) {
		s := subject{name: name, event: f.event}
		if s.zip, err = size(filepath.Join(zips, name+"-arm64.zip")); err != nil {
			return nil, err
		}
		home := filepath.Join(dir, name)
		if s.bin, err = unpack(filepath.Join(zips, name+"-"+runtime.GOARCH+".zip"), home); err != nil {
			return nil, err
		}
		if s.env, err = srv.Environment(f.settings, own, home, file); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all[1:], func(a, b subject) int { return cmp.Compare(b.name, a.name) })
	return all, nil
}

// deployment is what a function is given.
type deployment struct {
	settings any
	event    []byte
}

// deployed are the functions with the first event of each: a sign-in that nobody
// is told of; an hour without a file; an account of two users.
func deployed(srv *awstest.Server) map[string]deployment {
	common := settings.Common{Partition: "aws", Account: own, LogLevel: "info"}
	alerts := settings.Alerting{TopicARN: "arn:aws:sns:" + region + ":" + own + ":alerts", EventsTable: "events", EvidenceBucket: "evidence", Lease: 2 * time.Minute, Keep: 24 * time.Hour}
	account := fakeaws.NewAccount(own)
	account.User("ada").Password, account.User("bob").Password = true, true
	srv.Reads.Add(account)
	for _, bucket := range []string{"trail", "reports"} {
		srv.Reads.Bucket(bucket, region)
	}
	return map[string]deployment{
		"signin":    {settings.Signin{Common: common, Alerting: alerts, Queues: []string{queue}, Buckets: []string{"trail"}}, batch(bridge(signIn("e-1", "Yes")))},
		"reconcile": {settings.Reconcile{Common: common, Alerting: alerts, TrailBucket: "trail", LookBack: time.Hour, Silence: 2 * time.Hour}, []byte("{}")},
		"audit": {settings.Audit{Common: common, ReportBucket: "reports", ReportPrefix: "audit/", TopicARN: alerts.TopicARN, Formats: []string{"json"}, Region: region,
			Remind: 168 * time.Hour, Rate: 1000}, []byte(`{"mode":"account"}`)},
	}
}

func size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// unpack takes the binary out of a release: what is measured is what is shipped.
func unpack(name, dir string) (string, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return "", err
	}
	defer z.Close()
	from, err := z.Open("bootstrap")
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	defer from.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "bootstrap")
	to, err := os.OpenFile(bin, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return bin, cmp.Or(err, to.Close())
}

// start measures one cold start, from the process to the first answer.
func (s *subject) start() error {
	f := &lambdatest.Function{Binary: s.bin, Env: s.env, Handler: s.name}
	defer f.Close()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	ready, err := f.Ready(ctx)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, f.Logs())
	}
	begun, err := processCPU(f.PID())
	if err != nil {
		return err
	}
	a, err := f.Invoke(ctx, s.event, 30*time.Second)
	switch {
	case err != nil:
		return err
	case a.Error != nil:
		return fmt.Errorf("%w\n%s", a.Error, f.Logs())
	}
	done, err := processCPU(f.PID())
	if err != nil {
		return err
	}
	time.Sleep(20 * time.Millisecond) // idle
	idle, err := resident(f.PID())
	if err != nil {
		return err
	}
	s.ready, s.response = append(s.ready, ready), append(s.response, ready+a.Took)
	s.init, s.all, s.idle = append(s.init, begun), append(s.all, done), append(s.idle, idle)
	return nil
}

// quarter is the value that a quarter of the measurements do not exceed.
func quarter[T cmp.Ordered](all []T) T {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/4]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e6) }

func startTable(all []subject) {
	base := quarter(all[0].init)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tready ms\tfirst answer ms\tCPU ms: init, all\tinit to bare\tidle MiB\tZIP bytes")
	fmt.Fprintln(w, "  \tp25 / median\tp25 / median\tp25\tp25\tmedian\tarm64")
	for _, s := range all {
		ratio := float64(quarter(s.init)) / float64(base)
		fmt.Fprintf(w, "  %s\t%s / %s\t%s / %s\t%s, %s\t%.2f\t%.1f\t%s\n", s.name, ms(quarter(s.ready)), ms(median(s.ready)), ms(quarter(s.response)), ms(median(s.response)),
			ms(quarter(s.init)), ms(quarter(s.all)), ratio, float64(median(s.idle))/(1<<20), bytesOr(s.zip))
	}
	_ = w.Flush()
	for _, s := range all[1:] {
		idle, ratio := median(s.idle), float64(quarter(s.init))/float64(base)
		fmt.Printf("  %s: %s; %s; %s\n", s.name,
			aimed(s.zip <= mostZIP, "ZIP at most %d bytes", mostZIP),
			aimed(idle <= mostResident, "idle at most %d MiB", mostResident>>20),
			aimed(ratio <= mostInit, "init at most %dx the bare bootstrap's CPU", mostInit))
	}
	fmt.Println()
}

func bytesOr(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
