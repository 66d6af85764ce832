package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit/config/compiled"
	"mfawatch/internal/partition"
)

// ReadDeployment reads the same file as ReadFile, and what infra makes of it. name
// is what errors call it; they are as those of Rules, and one of an override names
// its key in place of a line. What a file of rules alone leaves out, the account
// and the home Region, is an error here.
func ReadDeployment(name string, data []byte, overrides ...Override) (Deployment, error) {
	var f deploymentFile
	also := func(root *node) []*Fault {
		faults := granted{}.faults(name, root, nil)
		if len(faults) > 0 {
			return faults
		}
		if err := decode(root, &f); err != nil {
			return []*Fault{{Line: 1, Column: 1, Problem: err.Error()}}
		}
		return deploymentFaults(root, &f)
	}
	if err := loadFile(name, data, overrides, also, nil); err != nil {
		return Deployment{}, err
	}
	return f.deployment()
}

// loadFile is load for mfawatch.yaml, with overrides. A v that is nil was read by
// also.
func loadFile(name string, data []byte, overrides []Override, also func(*node) []*Fault, v any) error {
	if compiled.Is(data) {
		return fault(name, errors.New("this file is compiled already; name the one that it was made from"))
	}
	s, err := fileForm()
	if err != nil {
		return fault(name, err)
	}
	root, faults := parse(data)
	if root != nil && root.fields != nil {
		faults = append(faults, apply(root, s, overrides)...)
	}
	if root != nil {
		faults = append(faults, validate(root, s)...)
	}
	if len(faults) == 0 {
		faults = also(root)
	}
	if len(faults) > 0 {
		nameOverrides(faults, overrides)
		return join(name, faults)
	}
	if v == nil {
		return nil
	}
	if err := decode(root, v); err != nil {
		return fault(name, err)
	}
	return nil
}

// What holds where the file does not say. The schema says the same, and why.
const (
	defaultPrefix     = "mfawatch"
	defaultConcurrent = 10
	defaultTolerated  = 10
	defaultLockDays   = 365
	defaultSchedule   = "cron(0 6 * * ? *)"
	defaultVersion    = "7.0"
	defaultForm       = "precise"
	defaultSession    = time.Hour
	defaultRoleAge    = time.Hour
	defaultGlassAge   = 15 * time.Minute
	defaultStage      = 30 * time.Minute
	defaultEvery      = 15 * time.Minute
	defaultRetention  = 400
)

// deployment fills in what the file leaves out.
func (f *deploymentFile) deployment() (Deployment, error) {
	p := partition.Known(f.HomeRegion)
	d := Deployment{
		Prefix: cmp.Or(f.Prefix, defaultPrefix), Mode: cmp.Or(f.Mode, OneAccount), Account: f.Account, Home: f.HomeRegion,
		Regions: f.watched(p), Organization: f.organization(), Trail: f.trail(), Targets: f.targets(), Guardrail: f.guardrail(),
		BreakGlass: f.breakGlass(p), Watchdog: f.watchdog(), KMS: f.KMS.Use, Retention: f.retention(), Tags: f.Tags, CostCeiling: f.CostCeiling,
	}
	for _, r := range f.MFARoles {
		d.MFARoles = append(d.MFARoles, MFARole{
			Name: r.Name, Principals: r.Principals, Policies: r.Policies,
			Session: cmp.Or(time.Duration(r.Session), defaultSession), MFAAge: cmp.Or(time.Duration(r.MFAAge), defaultRoleAge),
		})
	}
	d.Metrics = f.metrics(d.Trail)
	var err error
	d.Reports, err = f.reports()
	return d, err
}

// watched are the Regions that are watched, sorted.
func (f *deploymentFile) watched(p partition.Partition) []string {
	list := f.Regions
	if len(list) == 0 || list.is("default") {
		list = p.Always
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(list, []string{f.HomeRegion, p.IAM}))))
}

func (f *deploymentFile) organization() Organization {
	o := f.Organization
	if o == nil {
		return Organization{}
	}
	tolerated := defaultTolerated
	if o.Tolerated != nil {
		tolerated = *o.Tolerated
	}
	return Organization{
		ID: o.ID, Root: o.Root, Units: o.Units, Management: o.Management, Delegated: f.Account != o.Management,
		Concurrent: cmp.Or(o.Concurrent, defaultConcurrent), Tolerated: tolerated,
	}
}

func (f *deploymentFile) trail() Trail {
	if a := f.Trail.Adopt; a != nil {
		t := Trail{Adopt: a.ARN, Bucket: a.Bucket, KeyPrefix: a.Prefix, KeyARN: a.KMSKey, LogGroup: a.LogGroup}
		if t.KeyPrefix != "" {
			t.KeyPrefix = strings.TrimSuffix(t.KeyPrefix, "/") + "/"
		}
		return t
	}
	c := f.Trail.Create
	t := Trail{ObjectLock: c.ObjectLock, LockDays: cmp.Or(c.LockDays, defaultLockDays), Logs: c.LogGroup == nil || *c.LogGroup}
	if t.ObjectLock == "" || t.ObjectLock == "none" {
		t.ObjectLock, t.LockDays = "", 0
	}
	return t
}

func (f *deploymentFile) targets() []Target {
	var all []Target
	for _, t := range f.Alerts.Targets {
		to := Target{Severity: cmp.Or(t.Severity, "info"), Accounts: t.Accounts}
		switch {
		case t.Slack != nil:
			to = Target{Kind: Slack, Workspace: t.Slack.Workspace, Channel: t.Slack.Channel}
		case t.Teams != nil:
			to = Target{Kind: Teams, Team: t.Teams.Team, Tenant: t.Teams.Tenant, Channel: t.Teams.Channel}
		default:
			to.Kind, to.Address = t.addressed()
		}
		all = append(all, to)
	}
	return all
}

// addressed is the kind of a target that has one address.
func (t targetFile) addressed() (TargetKind, string) {
	switch {
	case t.Email != "":
		return Email, t.Email
	case t.HTTPS != "":
		return HTTPS, t.HTTPS
	case t.SQS != "":
		return SQS, t.SQS
	}
	return PagerDuty, t.PagerDuty
}

func (f *deploymentFile) guardrail() Guardrail {
	g := f.Guardrail
	if g.Profile == "" || g.Profile == "none" {
		return Guardrail{}
	}
	return Guardrail{
		Kind: g.Profile, Attach: cmp.Or(g.Attach, ToGroup), Groups: g.Groups, SCPTargets: g.SCPTargets, PasswordChange: g.PasswordChange,
		TagGuard: g.TagGuard, MFAAge: time.Duration(g.MFAAge), FIDOLevels: g.FIDOLevels, Registrars: g.Registrars,
	}
}

func (f *deploymentFile) reports() (Reports, error) {
	r := f.Reports
	schedule := cmp.Or(r.Schedule, defaultSchedule)
	_, every, err := distances(schedule)
	if err != nil {
		return Reports{}, fmt.Errorf("an accepted schedule: %w", err)
	}
	formats := r.Formats
	if len(formats) == 0 {
		formats = []string{"json", "html"}
	}
	return Reports{Schedule: schedule, Every: every, Formats: formats, SecurityHub: r.SecurityHub, Athena: r.Athena}, nil
}

func (f *deploymentFile) metrics(t Trail) Metrics {
	m := f.Metrics
	if m.Filters.is("none") || !t.Logs && t.LogGroup == "" {
		return Metrics{}
	}
	version := cmp.Or(m.Version, defaultVersion)
	filters := []string(m.Filters)
	switch {
	case len(filters) == 0 || m.Filters.is("default"):
		filters = defaultFilters()
	case m.Filters.is("all"):
		filters = slices.DeleteFunc(everyFilter(), func(id string) bool { return version == "1.2" && id == lateFilter })
	}
	return Metrics{Enabled: true, Version: version, Filters: filters, Form: cmp.Or(m.Form, defaultForm)}
}

// defaultFilters are the filters that are about sign-ins.
func defaultFilters() []string { return []string{"sign-in-without-mfa", "root-use"} }

// lateFilter is not in version 1.2 of the benchmark.
const lateFilter = "organization-changes"

// everyFilter are all filters, as the schema lists them.
func everyFilter() []string {
	s, err := fileForm()
	if err != nil {
		return nil // ReadDeployment has failed of it before
	}
	return s.enum(fileID + "#/properties/metrics/properties/filters/items")
}

func (f *deploymentFile) breakGlass(p partition.Partition) BreakGlass {
	b := f.BreakGlass
	if len(b.Principals) == 0 && len(b.People) == 0 {
		return BreakGlass{}
	}
	policies := b.Policies
	if len(policies) == 0 {
		policies = []string{"arn:" + p.ID + ":iam::aws:policy/AdministratorAccess"}
	}
	g := BreakGlass{Principals: b.Principals, Policies: policies, Session: cmp.Or(time.Duration(b.Session), defaultSession), Door: f.door()}
	if len(b.Principals) > 0 {
		g.MFAAge = cmp.Or(time.Duration(b.MFAAge), defaultGlassAge)
	}
	return g
}

func (f *deploymentFile) door() Door {
	b := f.BreakGlass
	if len(b.People) == 0 {
		return Door{}
	}
	d := Door{
		Name:    cmp.Or(b.Door, f.Prefix, defaultPrefix),
		Approve: cmp.Or(time.Duration(b.Approve), defaultStage), Use: cmp.Or(time.Duration(b.Use), defaultStage),
	}
	for _, p := range b.People {
		d.People = append(d.People, Person(p))
	}
	for _, r := range b.Roles {
		d.Roles = append(d.Roles, DoorRole{
			Name: r.Name, Policies: r.Policies, Requesters: r.Requesters, Approvers: r.Approvers, Approvals: cmp.Or(r.Approvals, 1),
			Longest: cmp.Or(time.Duration(r.Longest), defaultSession), CoolOff: time.Duration(r.CoolOff), Grade: r.Grade, Sheets: r.Sheets, Ticket: r.Ticket,
			Alone: Alone{r.Alone.Allowed, time.Duration(r.Alone.CoolOff), r.Alone.Grade},
		})
	}
	return d
}

func (f *deploymentFile) watchdog() Watchdog {
	w := f.Watchdog
	if w.Enabled != nil && !*w.Enabled {
		return Watchdog{}
	}
	return Watchdog{Enabled: true, Every: cmp.Or(time.Duration(w.Every), defaultEvery), Heartbeat: w.Heartbeat}
}

func (f *deploymentFile) retention() Retention {
	r := f.Retention
	days := func(s span) int { return cmp.Or(s.days(), defaultRetention) }
	return Retention{Trail: days(r.Trail), Evidence: days(r.Evidence), Reports: days(r.Reports), Logs: days(r.Logs)}
}
