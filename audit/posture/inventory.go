package posture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// Enrolled is what an inventory says of a virtual device whose seed is on a YubiKey. AWS
// cannot tell it from an app, and nothing proves that the seed is nowhere else, so no
// outcome depends on it: it is told beside what AWS says.
type Enrolled struct {
	Account  string
	User     string // by name, when it was enrolled
	Device   string // ARN
	YubiKey  string // serial number; "" is not known
	Touch    bool   // each code wants a touch
	Password bool
	At       time.Time
	By       string // ARN of who enrolled it
}

// theInventory is the name of an inventory as evidence.
const theInventory = "inventory"

// tellEnrolled adds to each finding about devices what the inventory knows of them.
func (a *account) tellEnrolled(findings []audit.Finding) {
	if len(a.rules.Inventory) == 0 {
		return
	}
	known := map[string]Enrolled{}
	for _, e := range a.rules.Inventory {
		if e.Account == a.Account {
			known[e.Device] = e
		}
	}
	for i := range findings {
		for _, serial := range mentioned(findings[i]) {
			if e, there := known[serial]; there {
				a.tell(&findings[i], e)
			}
		}
	}
}

func (a *account) tell(f *audit.Finding, e Enrolled) {
	f.Detail += "; " + e.words(f.Subject)
	f.Evidence = append(slices.Clone(f.Evidence), a.evidence(theInventory, e.At, "device", e.Device, "yubikey", e.YubiKey, "touch", e.touch(), "user", e.User, "enrolled_by", e.By)...)
}

func (e Enrolled) touch() string {
	switch {
	case !e.Touch:
		return "not required"
	case e.Password:
		return "required, with a password"
	}
	return "required"
}

func (e Enrolled) words(s audit.Subject) string {
	key := "a YubiKey"
	if e.YubiKey != "" {
		key = "YubiKey " + e.YubiKey
	}
	text := fmt.Sprintf("virtual device on %s, touch %s; inventory, enrolled %s by %s", key, e.touch(), e.At.UTC().Format(time.DateOnly), e.By)
	if s.Kind == audit.UserSubject && s.Name != e.User {
		text += " for " + e.User
	}
	return text
}

// mentioned are the virtual devices that a finding is about.
func mentioned(f audit.Finding) []string {
	var serials []string
	if f.Subject.Kind == audit.DeviceSubject {
		serials = append(serials, f.Subject.ARN)
	}
	for _, e := range f.Evidence {
		for text := range strings.SplitSeq(e.Facts["devices"], ", ") {
			if serial, ok := strings.CutPrefix(text, string(audit.VirtualFactor)+" "); ok && !slices.Contains(serials, serial) {
				serials = append(serials, serial)
			}
		}
	}
	return serials
}
