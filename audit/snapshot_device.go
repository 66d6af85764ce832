package audit

import (
	"strings"
	"time"
)

// MFADevice is an assigned second factor. Certifications are what
// iam:GetMFADevice says of a FIDO device, and nil until it was asked; it takes
// no other devices.
type MFADevice struct {
	Serial         string                   `json:"serial"`
	Enabled        time.Time                `json:"enabled,omitzero"`
	Certifications *Read[map[string]string] `json:"certifications,omitempty"`
}

// Kind is the sort of the device, as far as it was read.
func (d MFADevice) Kind() FactorKind {
	if d.Certifications == nil {
		return DeviceKind(d.Serial, nil)
	}
	return DeviceKind(d.Serial, d.Certifications.Value)
}

// VirtualDevice is a row of iam:ListVirtualMFADevices. Without an owner nobody
// uses it. The serial number never tells the owner: users are renamed, and
// devices are called as one likes.
type VirtualDevice struct {
	Serial   string    `json:"serial"`
	OwnerID  string    `json:"owner_id,omitempty"`
	OwnerARN string    `json:"owner_arn,omitempty"`
	Enabled  time.Time `json:"enabled,omitzero"`
}

// Assigned tells whether somebody uses the device.
func (d VirtualDevice) Assigned() bool { return d.OwnerID != "" || d.OwnerARN != "" }

// OwnedBy tells whether the device is that of the user with this id or, where
// an id is not known, this ARN.
func (d VirtualDevice) OwnedBy(id, arn string) bool {
	if d.OwnerID != "" && id != "" {
		return d.OwnerID == id
	}
	return d.OwnerARN != "" && d.OwnerARN == arn
}

// DeviceKind reads the sort of a second factor from its serial number: virtual
// devices and security keys have an ARN, a hardware TOTP token shows the number
// printed on it (IAM API reference, ListMFADevices and GetMFADevice). Any
// certification that GetMFADevice names for a FIDO device makes it certified:
// AWS takes them from the FIDO Alliance at registration. A FIDO device without
// one may be a synced passkey.
func DeviceKind(serial string, certifications map[string]string) FactorKind {
	switch {
	case serial == "":
		return UnknownFactor
	case !strings.HasPrefix(serial, "arn:"):
		return HardwareTOTPFactor
	}
	switch sort, _, _ := strings.Cut(resource(serial), "/"); sort {
	case "mfa":
		return VirtualFactor
	case "sms-mfa":
		return SMSFactor
	case "u2f":
		return fido(certifications)
	}
	return UnknownFactor
}

func fido(certifications map[string]string) FactorKind {
	for _, level := range certifications {
		if level != "" {
			return FIDOCertifiedFactor
		}
	}
	return FIDOFactor
}

// resource is the part of an ARN after account and Region. It may hold colons:
// IAM allows them in paths.
func resource(arn string) string {
	for range 5 {
		_, arn, _ = strings.Cut(arn, ":")
	}
	return arn
}
