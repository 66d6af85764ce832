package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"mfawatch/internal/partition"
)

// deploymentFaults are what the schema cannot see: fields that do not go together,
// ARNs of somewhere else, and what a file needs that is deployed.
func deploymentFaults(root *node, f *deploymentFile) []*Fault {
	c := &checker{root: root, f: f, here: partition.Known(f.HomeRegion)}
	for _, check := range []func(){
		c.place, c.regions, c.organization, c.adopted, c.created, c.targets, c.guardrail, c.guardrailKeys,
		c.roles, c.breakGlass, c.reports, c.metrics, c.watchdog, c.kms, c.retention, c.tags,
	} {
		check()
	}
	return c.faults
}

// checker collects the faults of a file.
type checker struct {
	root   *node
	f      *deploymentFile
	here   partition.Partition // empty when the home Region says none
	faults []*Fault
}

// say tells a fault of a field, where it stands or would stand.
func (c *checker) say(path, format string, args ...any) {
	place := c.root
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		next := place.child(step)
		if next == nil {
			break
		}
		place = next
	}
	f := at(place.token, fmt.Sprintf(format, args...))
	if place == c.root {
		f.Line, f.Column = 1, 1
	}
	f.Field = path
	c.faults = append(c.faults, f)
}

// given tells whether the file has a field.
func (c *checker) given(path string) bool {
	place := c.root
	for step := range strings.SplitSeq(path, ".") {
		if place = place.child(step); place == nil {
			return false
		}
	}
	return true
}

// place is where it is deployed.
func (c *checker) place() {
	if c.f.Account == "" {
		c.say("account", `missing; a file that is deployed says where: account: "111122223333"`)
	}
	for _, reserved := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(c.f.Prefix+"-", reserved) {
			c.say("prefix", "%s begins no bucket's name: S3 keeps it for itself", quote(c.f.Prefix))
		}
	}
	switch {
	case c.f.HomeRegion == "":
		c.say("home_region", "missing; a file that is deployed says where: home_region: eu-north-1")
	case c.here.ID == "":
		c.say("home_region", "%s is no Region that is known here%s", quote(c.f.HomeRegion), advised(c.f.HomeRegion, partition.Regions()))
	}
}

// advised is the end of a sentence about a word that is not known.
func advised(word string, known []string) string {
	if advice := meant(word, known); advice != ";" {
		return advice
	}
	return ""
}

func (c *checker) regions() {
	if c.here.ID == "" || c.f.Regions.is("default") {
		return
	}
	for i, r := range c.f.Regions {
		switch of := partition.Known(r); {
		case of.ID == "":
			c.say(fmt.Sprintf("regions[%d]", i), "%s is no Region that is known here%s", quote(r), advised(r, c.here.All()))
		case of.ID != c.here.ID:
			c.say(fmt.Sprintf("regions[%d]", i), "%s is of partition %s; the home Region %s is of %s, and nothing goes from one to the other", r, of.ID, c.f.HomeRegion, c.here.ID)
		}
	}
}

func (c *checker) organization() {
	o := c.f.Organization
	if c.f.Mode != Organizational {
		if o != nil {
			c.say("organization", "it says nothing in mode account; write mode: organization or remove it")
		}
		return
	}
	if o == nil {
		c.say("organization", "missing; mode organization needs id, management_account, and root or units")
		return
	}
	switch {
	case o.Root == "" && len(o.Units) == 0:
		c.say("organization.root", "missing; write the root's id, root: r-exam, or units: [ou-exam-exampleou1]")
	case o.Root != "" && len(o.Units) > 0:
		c.say("organization.units", "root is every unit already; keep one of the two")
	}
	switch {
	case o.Delegated == nil || c.f.Account == "":
	case *o.Delegated && c.f.Account == o.Management:
		c.say("organization.delegated", "the account is the management account itself; write false or leave it out")
	case !*o.Delegated && c.f.Account != o.Management:
		c.say("organization.delegated", "the account is not the management account %s, and StackSets take nobody but it and delegated administrators; write true or leave it out", o.Management)
	}
}

// from holds an ARN to the partition, and to the account and Region where they are
// named.
func (c *checker) from(path, text, account, region string) bool {
	a := parseARN(text)
	of := partition.Partition{ID: c.here.ID}
	if a.region != "" {
		of = partition.Known(a.region)
	}
	switch {
	case c.here.ID == "":
		return false // there is a fault already, and the likelier one
	case a.partition != c.here.ID:
		c.say(path, "it is of partition %s; the home Region %s is of %s", a.partition, c.f.HomeRegion, c.here.ID)
	case of.ID != a.partition:
		c.say(path, "%s is no Region of partition %s%s", quote(a.region), a.partition, advised(a.region, c.here.All()))
	case account != "" && a.account != account && a.account != "aws":
		c.say(path, "it is of account %s; this deployment is of %s", a.account, account)
	case region != "" && a.region != region:
		c.say(path, "it is of Region %s; want the home Region's, %s", a.region, region)
	default:
		return true
	}
	return false
}

func (c *checker) adopted() {
	a := c.f.Trail.Adopt
	if a == nil {
		return
	}
	if c.given("trail.create") {
		c.say("trail.create", "the trail is adopted already; keep one of adopt and create")
	}
	of := parseARN(a.ARN)
	switch o := c.f.Organization; {
	case !c.from("trail.adopt.arn", a.ARN, "", ""):
	case of.account == c.f.Account, c.f.Account == "", o != nil && c.f.Mode == Organizational && of.account == o.Management:
	case c.f.Mode == Organizational:
		c.say("trail.adopt.arn", "it is of account %s; adopt a trail of this account or of the management account", of.account)
	case a.LogGroup != "": // an organisation's trail, seen from a member: the log group is its owner's
		c.say("trail.adopt.log_group", "it is in account %s, and filters are made in %s; leave it out", of.account, c.f.Account)
	}
	if a.KMSKey != "" {
		c.from("trail.adopt.kms_key", a.KMSKey, "", "")
	}
	if a.LogGroup != "" && c.here.ID != "" && of.region != c.f.HomeRegion {
		c.say("trail.adopt.log_group", "it is where the trail is, in %s, and filters are made in the home Region %s; leave it out, or make that the home Region", of.region, c.f.HomeRegion)
	}
}

func (c *checker) created() {
	t := c.f.Trail.Create
	locked := t.ObjectLock != "" && t.ObjectLock != "none"
	if c.given("trail.create.lock_days") && !locked {
		c.say("trail.create.lock_days", "nothing is locked without object_lock: governance or compliance")
	}
	kept, days := cmp.Or(c.f.Retention.Trail.days(), defaultRetention), cmp.Or(t.LockDays, defaultLockDays)
	switch {
	case !locked || days <= kept:
	case c.given("retention.trail"):
		c.say("retention.trail", "%d days are less than the %d that files stay locked; keep them for %dd at least", kept, days, days)
	default:
		c.say("trail.create.lock_days", "files are kept for %d days; write retention: {trail: %dd} too", kept, days)
	}
}

// tellable are the kinds of targets, as the file has them.
var tellable = []string{"email", "https", "sqs", "pagerduty", "slack", "teams"}

func (c *checker) targets() {
	list := c.root.child("alerts").child("targets")
	if list == nil {
		return
	}
	first := map[string]int{}
	for i, t := range c.f.Alerts.Targets {
		path := fmt.Sprintf("alerts.targets[%d]", i)
		var kinds []string
		for _, kind := range tellable {
			if list.items[i].child(kind) != nil {
				kinds = append(kinds, kind)
			}
		}
		if len(kinds) != 1 {
			c.say(path, "a target is one of %s; this one has %s", strings.Join(tellable, ", "), count(kinds))
			continue
		}
		c.target(path+"."+kinds[0], t)
		if (t.Slack != nil || t.Teams != nil) && t.Severity != "" {
			c.say(path+".severity", "Amazon Q Developer takes the whole topic, whatever the severity: leave it out, and tell others by severity")
		}
		switch {
		case len(t.Accounts) == 0:
		case t.Slack != nil || t.Teams != nil:
			c.say(path+".accounts", "Amazon Q Developer takes the whole topic, of all accounts: leave it out, and tell the team by another way")
		case c.f.Mode != Organizational:
			c.say(path+".accounts", "one account is watched: leave it out, or write mode: organization")
		}
		where := fmt.Sprint(strings.ToLower(t.Email), t.HTTPS, t.SQS, t.PagerDuty, t.Slack, t.Teams)
		if before, twice := first[where]; twice {
			c.say(path, "it is the same as alerts.targets[%d]; keep one", before)
		} else {
			first[where] = i
		}
	}
}

func count(kinds []string) string {
	if len(kinds) == 0 {
		return "none"
	}
	return strings.Join(kinds, " and ")
}

// target checks one target's address.
func (c *checker) target(path string, t targetFile) {
	switch {
	case t.HTTPS != "":
		c.url(path, t.HTTPS)
		if u, err := url.Parse(t.HTTPS); err == nil && u.Hostname() == "hooks.slack.com" {
			c.say(path, "a webhook of Slack never confirms a subscription of SNS, so nobody would be told; write {slack: {workspace: T…, channel: C…}}")
		}
	case t.PagerDuty != "":
		c.pagerDuty(path, t.PagerDuty)
	case t.SQS != "":
		if c.from(path, t.SQS, c.f.Account, "") && strings.HasSuffix(t.SQS, ".fifo") {
			c.say(path, "a standard topic does not send to a FIFO queue; name a standard queue")
		}
		if own := c.prefix() + "-"; strings.HasPrefix(t.SQS[strings.LastIndex(t.SQS, ":")+1:], own) {
			c.say(path, "queues that begin with %s are the monitor's own: alerts would come back to it as events; name another", own)
		}
	case (t.Slack != nil || t.Teams != nil) && c.here.ID != "" && c.here.ID != "aws":
		c.say(path, "the ARNs of Amazon Q Developer in chat applications are of partition aws only; tell somebody in %s by another way", c.here.ID)
	}
}

func (c *checker) roles() {
	first := map[string]int{}
	for i, r := range c.f.MFARoles {
		path := fmt.Sprintf("mfa_roles[%d]", i)
		name := strings.ToLower(r.Name) // IAM's names differ by more than case
		if before, twice := first[name]; twice {
			c.say(path+".name", "mfa_roles[%d] has the name already", before)
		} else {
			first[name] = i
		}
		if own := c.prefix() + "-"; strings.HasPrefix(name, own) {
			c.say(path+".name", "names that begin with %s are the monitor's own; write another", own)
		}
		c.users(path+".principals", r.Principals, "")
		c.policies(path+".policies", r.Policies)
		c.session(path, r)
	}
}

func (c *checker) prefix() string { return cmp.Or(c.f.Prefix, defaultPrefix) }

func (c *checker) users(path string, arns []string, account string) {
	for i, a := range arns {
		c.from(fmt.Sprintf("%s[%d]", path, i), a, account, "")
	}
}

// policies are AWS's own or the account's: a role cannot have another's.
func (c *checker) policies(path string, arns []string) { c.users(path, arns, c.f.Account) }

// session holds the lengths of a role to what IAM and STS take.
func (c *checker) session(path string, r roleFile) {
	if s := time.Duration(r.Session); s != 0 && (s < time.Hour || s > 12*time.Hour) {
		c.say(path+".session", "%v is not between 1h and 12h, which a role's longest session is", s)
	}
	c.age(path+".mfa_age", r.MFAAge)
}

// age holds how old MFA may be to the longest session there is.
func (c *checker) age(path string, w window) {
	if d := time.Duration(w); d != 0 && (d < time.Minute || d > 36*time.Hour) {
		c.say(path, "%v is not between 1m and 36h, the longest session", d)
	}
}

func (c *checker) breakGlass() {
	b := c.f.BreakGlass
	if len(b.Principals) == 0 && len(b.People) == 0 {
		for _, key := range []string{"policies", "session", "mfa_age"} {
			if c.given("break_glass." + key) {
				c.say("break_glass."+key, "there is no emergency door without break_glass.principals and break_glass.people; name the users or remove it")
			}
		}
	}
	if len(b.Principals) == 0 && len(b.People) > 0 && c.given("break_glass.mfa_age") {
		c.say("break_glass.mfa_age", "it is about break_glass.principals, and there are none; name the users or remove it")
	}
	c.users("break_glass.principals", b.Principals, c.f.Account)
	c.policies("break_glass.policies", b.Policies)
	c.session("break_glass", b.roleFile)
	c.door(b)
}

// least is how often an audit may run: AWS renews the credential report every four
// hours at the most.
const least = time.Hour

func (c *checker) reports() {
	text := c.f.Reports.Schedule
	if text == "" {
		return
	}
	shortest, _, err := distances(text)
	switch {
	case err != nil:
		c.say("reports.schedule", "%v", err)
	case shortest < least:
		c.say("reports.schedule", "two runs are %v apart; want an hour at least: AWS renews the credential report every four hours at the most", shortest)
	}
}

// logged tells whether the trail has a log group, which metric filters read.
func (c *checker) logged() bool {
	if a := c.f.Trail.Adopt; a != nil {
		return a.LogGroup != ""
	}
	on := c.f.Trail.Create.LogGroup
	return on == nil || *on
}

func (c *checker) metrics() {
	m := c.f.Metrics
	if m.Filters.is("none") {
		for _, key := range []string{"cis_version", "form"} {
			if c.given("metrics." + key) {
				c.say("metrics."+key, "it says nothing without filters; remove it")
			}
		}
		return
	}
	if len(c.root.child("metrics").keys()) > 0 && !c.logged() {
		c.say("metrics", "metric filters read the trail's log group, and it has none; %s", c.logGroupAdvice())
	}
	if i := slices.Index(m.Filters, lateFilter); i >= 0 && m.Version == "1.2" {
		c.say(fmt.Sprintf("metrics.filters[%d]", i), "version 1.2 has no %s; leave it out or name a later version", lateFilter)
	}
}

func (c *checker) logGroupAdvice() string {
	if c.f.Trail.Adopt != nil {
		return "write trail.adopt.log_group, or remove metrics"
	}
	return "remove trail.create.log_group: false, or metrics"
}

// keys are the names of a mapping's fields; none of what is not there.
func (n *node) keys() []string {
	var names []string
	if n != nil {
		for name := range n.fields {
			names = append(names, name)
		}
	}
	return names
}

func (c *checker) watchdog() {
	w := c.f.Watchdog
	if w.Enabled != nil && !*w.Enabled {
		for _, key := range []string{"every", "heartbeat"} {
			if c.given("watchdog." + key) {
				c.say("watchdog."+key, "it says nothing while watchdog.enabled is false; remove one of the two")
			}
		}
		return
	}
	if every := time.Duration(w.Every); every != 0 && (every < 5*time.Minute || every > 24*time.Hour || every%time.Minute != 0) {
		c.say("watchdog.every", "%v is not between 5m and 24h in whole minutes", every)
	}
	if w.Heartbeat != "" {
		c.url("watchdog.heartbeat", w.Heartbeat)
	}
}

func (c *checker) kms() {
	if c.f.KMS.Use != "" {
		c.from("kms.use", c.f.KMS.Use, c.f.Account, c.f.HomeRegion)
	}
}

// logDays are the retentions that CloudWatch Logs knows (API reference,
// PutRetentionPolicy).
var logDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (c *checker) retention() {
	if c.f.Trail.Adopt != nil && c.given("retention.trail") {
		c.say("retention.trail", "the bucket of an adopted trail is not touched; remove it")
	}
	days := c.f.Retention.Logs.days()
	if days == 0 || slices.Contains(logDays, days) {
		return
	}
	next := logDays[len(logDays)-1]
	if i := slices.IndexFunc(logDays, func(known int) bool { return known > days }); i >= 0 {
		next = logDays[i]
	}
	c.say("retention.logs", "CloudWatch Logs does not know %d days; write %dd, or another of %s", days, next, listed(logDays))
}

func listed(numbers []int) string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, fmt.Sprint(n))
	}
	return strings.Join(texts, ", ")
}

func (c *checker) tags() {
	tags := c.root.child("tags")
	for name := range c.f.Tags {
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			f := at(tags.fields[name].key, "AWS keeps keys that begin with aws: for itself")
			f.Field = under("tags", name)
			c.faults = append(c.faults, f)
		}
	}
}
