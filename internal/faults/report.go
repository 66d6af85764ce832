package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"mfawatch/audit/alert"
	"mfawatch/functions/delivery/deliverytest"
)

// told is what people were told, by message.
type told struct {
	named  map[string]bool // alert id and reason
	extra  int             // messages that say again what was said
	faulty []string        // messages that SNS would refuse or nobody could read
	single int
	digest int
	raised int
}

func (c *campaign) told() told {
	t := told{named: map[string]bool{}}
	for _, m := range c.topic.Sent() {
		a, err := read(m)
		if err != nil {
			t.faulty = append(t.faulty, fmt.Sprintf("%s: %v", m.ID, err))
			continue
		}
		ids := []string{a.ID}
		switch {
		case a.Digest != nil:
			t.digest++
			ids = nil
			for _, i := range a.Digest.Items {
				ids = append(ids, i.ID)
			}
		case a.Previous != "":
			t.raised++
		default:
			t.single++
		}
		t.add(ids, a.Reason)
	}
	return t
}

func (t *told) add(ids []string, reason string) {
	again := false
	for _, id := range ids {
		again = again || t.named[id+" "+reason]
		t.named[id+" "+reason] = true
	}
	if again {
		t.extra++
	}
}

func read(m deliverytest.Published) (alert.Alert, error) {
	var protocols map[string]string
	if err := json.Unmarshal([]byte(m.Body), &protocols); err != nil {
		return alert.Alert{}, err
	}
	size := alert.Message{Subject: m.Subject, Body: m.Body, Attributes: m.Attributes}.Size()
	if size > 256<<10 || len(m.Subject) >= 100 || protocols["email"] == "" {
		return alert.Alert{}, fmt.Errorf("%d bytes, subject %q", size, m.Subject)
	}
	return alert.Parse([]byte(protocols["default"]))
}

// report prints what happened and every miss, and counts the misses.
func (c *campaign) report(w io.Writer) int {
	t := c.told()
	fmt.Fprintf(w, "%d sign-ins, %d messages, %d calls, %d rounds of reconciling (seed %d, %d at once)\n", c.events, c.sent, c.calls, c.rounds, c.seed, c.workers)
	fmt.Fprintf(w, "faults: %s\n", counts(c.faults))
	fmt.Fprintf(w, "kills: %s\n", c.killsByStep())
	fmt.Fprintf(w, "published: %d single, %d raised, %d digests\n", t.single, t.raised, t.digest)
	unknowable, taken := c.unknowable(), c.memory.TakenOver()
	fmt.Fprintf(w, "extra messages: %d, explained by at most %d (%d kills or lost answers between publish and mark, %d claims run out; in all %d kills, %d lost answers)\n",
		t.extra, unknowable+taken, unknowable, taken, c.kills(), c.faults[deliverytest.LostAnswer])
	var misses []string
	if t.extra > unknowable+taken {
		misses = append(misses, "more extra messages than faults explain")
	}
	misses = append(misses, c.lost(t, w)...)
	misses = append(misses, c.unkept(w)...)
	misses = append(misses, c.queues(w)...)
	misses = append(misses, t.faulty...)
	misses = append(misses, c.vacuous(t)...)
	for _, m := range misses[:min(len(misses), 20)] {
		fmt.Fprintln(w, "MISS:", m)
	}
	fmt.Fprintf(w, "%d misses\n", len(misses))
	return len(misses)
}

func (c *campaign) killsByStep() string {
	steps := map[string]int{}
	for at, n := range c.at {
		if step, how, _ := strings.Cut(at, " "); kill(deliverytest.Fault(how)) {
			steps[step+" "+strings.TrimPrefix(how, "killed ")] += n
		}
	}
	return counts(steps)
}

// lost is every sign-in without MFA that nobody was told of, and everything
// else that should have been said or should not.
func (c *campaign) lost(t told, w io.Writer) []string {
	var misses []string
	without, want := 0, map[string]bool{}
	for _, e := range c.truth {
		if e.without {
			without++
			if !t.named[account+"#"+e.id+" no-mfa"] {
				misses = append(misses, e.id+" signed in without MFA and nobody was told")
			}
		}
	}
	for _, f := range c.wanted {
		want[f.alert.ID] = true
	}
	told := map[string]bool{}
	for id := range t.named {
		key, _, _ := strings.Cut(id, " ")
		if told[key] = true; !want[key] {
			misses = append(misses, key+" was told and is no alert")
		}
	}
	for key := range want {
		if !told[key] {
			misses = append(misses, key+" was not told")
		}
	}
	fmt.Fprintf(w, "sign-ins without MFA: %d, lost: %d\n", without, len(misses))
	return misses
}

// unkept is what has no evidence. The bucket is asked by the name that the alert
// gives it.
func (c *campaign) unkept(w io.Writer) []string {
	var misses []string
	for _, f := range c.wanted {
		body, ok := c.evidence.Object(f.alert.EvidenceKey())
		if !ok || !strings.Contains(string(body), `"id":"`+f.alert.ID+`"`) {
			misses = append(misses, f.alert.EvidenceKey()+" is missing or is something else")
		}
	}
	fmt.Fprintf(w, "evidence: %d wanted, %d missing, %d kept\n", len(c.wanted), len(misses), len(c.evidence.Keys()))
	return misses
}

// queues is what is left in them without a reason.
func (c *campaign) queues(w io.Writer) []string {
	var misses []string
	if n := c.queue.left(); n > 0 {
		misses = append(misses, fmt.Sprintf("%d messages are still in the queue", n))
	}
	if n := c.pending(); n > 0 {
		misses = append(misses, fmt.Sprintf("%d alerts are still held back", n))
	}
	for _, key := range c.unmarked() {
		misses = append(misses, key+" is not marked as sent")
	}
	poison, reasons := 0, map[string]int{}
	for _, m := range c.queue.dead {
		reasons[gist(m.reason)]++
		if m.reason == "" {
			misses = append(misses, "a dead letter without a reason: "+m.body[:min(60, len(m.body))])
		}
		if strings.HasPrefix(m.body, "poison") {
			poison++
		}
	}
	if want := c.poison(); poison != want {
		misses = append(misses, fmt.Sprintf("%d of %d messages that nobody can read are dead letters", poison, want))
	}
	fmt.Fprintf(w, "queue: %d left; dead letters: %d, of them unreadable %d\n", c.queue.left(), len(c.queue.dead), poison)
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(w, "  %d %s\n", reasons[reason], reason)
	}
	return misses
}

var particular = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|s3://\S+|[0-9A-F]{16,}|127\.0\.0\.1:\S+`)

// gist is a reason without what is particular to one message.
func gist(reason string) string {
	g := particular.ReplaceAllString(reason, "…")
	return g[:min(len(g), 160)]
}

// poison is how many unreadable messages were put on the queue.
func (c *campaign) poison() (n int) {
	for i, e := range c.truth {
		if !e.lost && i%2000 == 99 {
			n++
		}
	}
	return n
}

// vacuous is what a campaign must have met to prove anything.
func (c *campaign) vacuous(t told) []string {
	var misses []string
	for _, f := range deliverytest.Faults() {
		if c.rate > 0 && c.faults[f] == 0 {
			misses = append(misses, fmt.Sprintf("nothing was %s: the campaign is too short", f))
		}
	}
	for _, step := range c.must {
		for _, f := range []deliverytest.Fault{deliverytest.KillBefore, deliverytest.KillAfter} {
			if c.rate > 0 && c.at[at(step, f)] == 0 {
				misses = append(misses, fmt.Sprintf("nothing was %s %s: the campaign is too short", f, step))
			}
		}
	}
	if t.single == 0 || t.digest == 0 || t.raised == 0 {
		misses = append(misses, "no single message, no digest or nothing raised: the campaign is too short")
	}
	return misses
}

func counts[K ~string](m map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d %s", m[k], k))
	}
	return strings.Join(parts, ", ")
}
