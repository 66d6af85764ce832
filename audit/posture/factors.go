package posture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// factors is what is known of somebody's second factors.
type factors struct {
	has      tri
	devices  []audit.MFADevice // those that are known
	complete bool              // and there are no others
	evidence []audit.Evidence
	gaps     []audit.Gap // why it is not complete, where it is not
	hidden   bool        // there are devices, and none of them is virtual
}

// factors asks, best first: the list of the holder's devices; the list of the
// account's virtual devices, which tells of some; and who says yes or no only.
// A list is not believed against a younger yes or no that contradicts it.
func (a *account) factors(s audit.Subject, list *audit.Read[[]audit.MFADevice], missing audit.Gap, active said) factors {
	if list != nil && !contradicts(active, list.At, len(list.Value) > 0) {
		return factors{
			has: truth(len(list.Value) > 0), devices: list.Value, complete: true,
			evidence: a.evidence(list.Call, list.At, "devices", listing(list.Value)),
		}
	}
	if list != nil {
		missing.Reason = "the list of " + list.At.UTC().Format(time.RFC3339) + " is contradicted by a younger fact"
	}
	if owned := a.owned(s); len(owned) > 0 && !contradicts(active, a.VirtualDevices.At, true) {
		return factors{
			has: yes, devices: owned, gaps: []audit.Gap{missing},
			evidence: append(a.evidence(a.VirtualDevices.Call, a.VirtualDevices.At, "devices", listing(owned)), active.evidence...),
		}
	}
	return a.withoutList(s, missing, active)
}

// withoutList knows a yes or no at most. Of root, who cannot have an SMS
// device, a yes without a virtual device tells a little more.
func (a *account) withoutList(s audit.Subject, missing audit.Gap, active said) factors {
	f := factors{
		has: active.answer, complete: active.answer == no, evidence: active.evidence,
		gaps: append([]audit.Gap{missing}, active.gaps...),
	}
	if f.has == yes && s.Kind == audit.RootSubject && a.VirtualDevices != nil {
		f.hidden = true
		f.evidence = append(f.evidence, a.evidence(a.VirtualDevices.Call, a.VirtualDevices.At, "devices", "none of root")...)
	}
	return f
}

// contradicts tells whether a younger yes or no is against a list. What nobody
// said has no time, so it is not younger.
func contradicts(active said, at time.Time, has bool) bool {
	return active.answer != truth(has) && active.at.After(at)
}

// owned are the virtual devices of one holder.
func (a *account) owned(s audit.Subject) []audit.MFADevice {
	places := slices.Concat(a.owners[s.ID], a.owners[s.ARN])
	slices.Sort(places)
	var own []audit.MFADevice
	for _, i := range slices.Compact(places) {
		if d := a.VirtualDevices.Value[i]; d.OwnedBy(s.ID, s.ARN) {
			own = append(own, audit.MFADevice{Serial: d.Serial})
		}
	}
	return own
}

func listing(devices []audit.MFADevice) string {
	texts := []string{}
	for _, d := range devices {
		texts = append(texts, string(d.Kind())+" "+d.Serial)
	}
	slices.Sort(texts)
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

// holds words what somebody has: "2 devices: fido, virtual".
func (f factors) holds() string {
	if f.has != yes {
		return map[tri]string{no: "no MFA device", maybe: "MFA devices not known"}[f.has]
	}
	if len(f.devices) == 0 {
		return "MFA is on, the devices were not listed"
	}
	kinds := []string{}
	for _, d := range f.devices {
		kinds = append(kinds, string(d.Kind()))
	}
	slices.Sort(kinds)
	return f.count() + ": " + strings.Join(kinds, ", ")
}

func (f factors) count() string {
	text := fmt.Sprintf("%d devices", len(f.devices))
	if len(f.devices) == 1 {
		text = "1 device"
	}
	if !f.complete {
		text = "at least " + text
	}
	return text
}

// with tells whether a device of a kind is known to be there.
func (f factors) with(kind audit.FactorKind) bool {
	return slices.ContainsFunc(f.devices, func(d audit.MFADevice) bool { return d.Kind() == kind })
}

// onlySMS tells that every device is one by text message.
func (f factors) onlySMS() bool {
	return f.complete && f.has == yes && !slices.ContainsFunc(f.devices, func(d audit.MFADevice) bool { return d.Kind() != audit.SMSFactor })
}

// ruling is whether devices meet a demand.
type ruling struct {
	answer tri
	detail string
	gaps   []audit.Gap
}

// hardware holds somebody's devices against a demand.
func (a *account) hardware(f factors, d demand) ruling {
	r := ruling{detail: f.holds() + "; " + d.String(), gaps: slices.Clone(f.gaps)}
	if f.hidden {
		return a.inferred(r, d)
	}
	counts := map[tri]int{}
	for _, device := range f.devices {
		meets := a.meets(device, d)
		counts[meets]++
		if meets == maybe {
			r.gaps = append(r.gaps, a.kindGap(device))
		}
	}
	enough, against := counts[yes] > 0, counts[no] > 0
	open := !f.complete || counts[maybe] > 0
	switch {
	case d.hardware == AtLeastOne && enough:
		r.answer = yes
	case d.hardware == All && against:
		r.answer = no
	case !open:
		r.answer = truth(enough)
	}
	if f.with(audit.FIDOFactor) {
		r.detail += "; fido is a security key or passkey without a known certification, which may be synced between devices"
	}
	return r
}

// inferred rules on root where MFA is on and no virtual device is root's: a
// hardware token, a security key or a passkey is left.
func (a *account) inferred(r ruling, d demand) ruling {
	r.detail = "inferred: MFA is on and root has no virtual device, so a hardware token, a security key or a passkey, which may be synced; " + d.String()
	if d.fido == Accepted {
		r.answer = yes
	}
	return r
}

// meets tells whether one device is hardware as demanded.
func (a *account) meets(device audit.MFADevice, d demand) tri {
	switch device.Kind() {
	case audit.HardwareTOTPFactor, audit.FIDOCertifiedFactor:
		return yes
	case audit.VirtualFactor, audit.SMSFactor:
		return no
	case audit.FIDOFactor:
		return d.ofFIDO(device.Certifications != nil)
	}
	return maybe
}

// ofFIDO is the answer for a device without a known certification.
func (d demand) ofFIDO(asked bool) tri {
	switch {
	case d.fido == Accepted:
		return yes
	case asked:
		return no
	}
	return maybe
}

func (a *account) kindGap(device audit.MFADevice) audit.Gap {
	if device.Kind() == audit.FIDOFactor {
		return a.Gap(audit.FactCertifications, device.Serial)
	}
	return audit.FactMFADevices.Gap(device.Serial, "a device of a kind this program does not know")
}

func (d demand) String() string {
	text := "at least one must be hardware"
	if d.hardware == All {
		text = "all must be hardware"
	}
	if d.fido == Certified {
		text += ", security keys certified"
	}
	return text
}
