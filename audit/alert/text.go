package alert

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"mfawatch/audit"
)

// maxSubject is the longest subject: SNS takes less than 100 characters (SNS
// API reference, Publish).
const maxSubject = 99

// maxSMS is the longest text for a telephone: SNS refuses more than 1600 bytes,
// and two parts of 153 characters are what somebody reads.
const maxSMS = 306

// Subject is the alert in one line of less than 100 ASCII characters, the
// severity first: HIGH prod: "ada" signed in without MFA.
func (a Alert) Subject() string {
	account := a.AccountAlias
	if account == "" {
		account = a.Account
	}
	if account == "" {
		account = "account unknown"
	}
	head := strings.ToUpper(a.Severity.String()) + " " + cut(ascii(defang(account)), 30) + ": "
	return cut(head+ascii(a.says(func(rest int) int { return maxSubject - len(head) - rest })), maxSubject)
}

// says is who did what. room tells how many characters a name may take beside
// the rest of the line.
func (a Alert) says(room func(rest int) int) string {
	p := phraseOf(a.Reason)
	words := p.words
	if a.Previous != "" {
		words += " (was: " + cut(defang(a.Previous), 30) + ")"
	}
	if d := a.Digest; d != nil {
		words += fmt.Sprintf(": %d more", len(d.Items))
		if d.Parts > 1 {
			words += fmt.Sprintf(", part %d of %d", d.Part, d.Parts)
		}
	}
	if p.alone {
		return words
	}
	return a.who(min(40, max(room(len(words)+3), 4))) + " " + words
}

func plainly(int) int { return 1000 }

// Text is the alert for a person: who, where, when, from where, which factor
// was missing, what to do now, and how to look at it.
func (a Alert) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", strings.ToUpper(a.Severity.String()), a.says(plainly))
	if a.Previous != "" {
		fmt.Fprintf(&b, "This replaces an earlier alert about the same event, which said: %s.\n\n", defang(a.Previous))
	}
	row := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", label+":", value)
		}
	}
	row("Account", a.where())
	row("Who", a.whom())
	row("About", about(a.Target))
	row("When", when(a.Time))
	row("From", defang(a.SourceIP))
	row("Region", defang(a.Region))
	row("Factor", a.factor())
	row("Detail", defang(a.Detail))
	if len(a.Findings) > 0 {
		b.WriteString("\nWhat was found:\n")
	}
	for _, f := range a.Findings {
		fmt.Fprintf(&b, "- %s\n", defang(f))
	}
	b.WriteString("\nWhat to do now:\n")
	for i, s := range a.WhatToDo {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s)
	}
	b.WriteString(a.look())
	return b.String()
}

// look names the events and how to see them.
func (a Alert) look() string {
	var b strings.Builder
	if a.Digest != nil {
		b.WriteString("\nEvents, oldest first:\n")
		for _, i := range a.Digest.Items {
			fmt.Fprintf(&b, "%s from %s: %s\n", when(i.Time), defang(i.SourceIP), strings.Join(defangAll(i.Events), ", "))
		}
	} else if len(a.Events) > 0 {
		fmt.Fprintf(&b, "\nEvent: %s\n", strings.Join(defangAll(a.Events), ", "))
	}
	if cmd := a.Command(); cmd != "" {
		fmt.Fprintf(&b, "Look at it (with credentials of that account):\n%s\n", cmd)
	}
	if a.Evidence != "" {
		fmt.Fprintf(&b, "Evidence: %s\n", a.Evidence) // our own bucket and key: s3://, which no client opens
	}
	fmt.Fprintf(&b, "Reason %s, alert %s\n", defang(a.Reason), defang(a.ID))
	return b.String()
}

var (
	eventID = regexp.MustCompile(`^[A-Za-z0-9-]+$`) // of at most maxID
	region  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
)

const maxID = 64

// Command is the AWS CLI command that shows the newest of the alert's events,
// or nothing when the id or the Region are not what AWS writes: a line that is
// pasted into a terminal holds nothing that somebody else chose.
func (a Alert) Command() string {
	if len(a.Events) == 0 {
		return ""
	}
	id := a.Events[len(a.Events)-1]
	if len(id) > maxID || !eventID.MatchString(id) || !region.MatchString(a.Region) {
		return ""
	}
	return "aws cloudtrail lookup-events --region " + a.Region + " --lookup-attributes AttributeKey=EventId,AttributeValue=" + id
}

// SMS is the alert for a telephone's screen.
func (a Alert) SMS() string {
	s := a.Subject() + ". " + when(a.Time)
	if a.SourceIP != "" {
		s += " from " + cut(defang(a.SourceIP), 45)
	}
	if len(a.WhatToDo) > 0 {
		s += ". " + a.WhatToDo[0]
	}
	return cut(ascii(s), maxSMS)
}

func (a Alert) whom() string {
	p := a.Principal
	if p.Kind == audit.Root {
		return "root, the owner of the account"
	}
	kind := map[audit.PrincipalKind]string{
		audit.IAMUser: "IAM user", audit.Federated: "federated session", audit.Role: "role", audit.IdentityCenter: "IAM Identity Center user", audit.Service: "AWS service",
	}[p.Kind]
	if kind == "" {
		kind = "principal of an unknown kind"
	}
	if p.Name == "" && p.ARN == "" && p.ID == "" {
		return kind + ", not named in the record"
	}
	s := kind + " " + a.who(120)
	if p.ID != "" && p.Name != "" {
		s += ", id " + defang(p.ID)
	}
	return s
}

func about(target string) string {
	if target == "" {
		return ""
	}
	return name(target, 120)
}

// factor says which factor was missing or used.
func (a Alert) factor() string {
	if a.Kind != SignIn {
		return ""
	}
	switch {
	case a.MFA.Used == "no" || a.Reason == "single-factor":
		return "MISSING: no second factor was used"
	case a.MFA.Used == "yes" && a.MFA.Device != "":
		return "used: " + string(a.MFA.Factor) + " " + name(a.MFA.Device, 120)
	case a.MFA.Used == "yes":
		return "used, " + string(a.MFA.Factor)
	}
	return "not known from the record"
}

func when(t time.Time) string {
	if t.IsZero() {
		return "at a time that the record does not say"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func defangAll(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, defang(id))
	}
	return out
}
