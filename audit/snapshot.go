package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// SnapshotSchema names the form of a saved Snapshot. A form that an older
// program would misread gets another name.
const SnapshotSchema = "mfawatch/snapshot/v1"

// Snapshot is what was read of one account: facts, each with the call that told
// it and when, and Gaps for facts that could not be read. It judges nothing.
//
// TakenAt is when the last fact was read; every age is counted from it. Only SCPs
// from an organisation's own export may be younger: no age is counted of them.
type Snapshot struct {
	Schema    string    `json:"schema"`
	Account   string    `json:"account"`
	Alias     string    `json:"alias,omitempty"`
	Partition string    `json:"partition"` // aws, aws-us-gov, aws-cn, …
	TakenAt   time.Time `json:"taken_at"`
	Gaps      []Gap     `json:"gaps,omitempty"`

	Report       *Read[CredentialReport]     `json:"credential_report,omitempty"`
	Summary      *Read[map[string]int]       `json:"account_summary,omitempty"`
	Organization *Read[OrganizationFeatures] `json:"organization_features,omitempty"`
	Root         RootCredentials             `json:"root,omitzero"`

	Users          *Read[[]User]          `json:"users,omitempty"`
	Groups         *Read[[]Group]         `json:"groups,omitempty"`
	Policies       *Read[[]ManagedPolicy] `json:"policies,omitempty"`
	Roles          *Read[[]RoleTrust]     `json:"roles,omitempty"`
	VirtualDevices *Read[[]VirtualDevice] `json:"virtual_devices,omitempty"`
	SCPs           *Read[[]SCP]           `json:"service_control_policies,omitempty"`
}

// Read is a fact, the call that told it and when it did. A nil *Read is a fact
// that nobody read, which is not the same as one that was read and is empty.
type Read[T any] struct {
	Call  string    `json:"call"` // iam:ListMFADevices
	At    time.Time `json:"at"`
	Value T         `json:"value"`
}

// OrganizationFeatures is the answer of iam:ListOrganizationsFeatures. Without
// an organisation, OrganizationID is empty.
type OrganizationFeatures struct {
	OrganizationID string   `json:"organization_id"`
	Enabled        []string `json:"enabled"` // RootCredentialsManagement, RootSessions
}

// RootCredentials is what a session of sts:AssumeRoot with the audit task
// policy sees of root (IAM user guide, id_root-user-privileged-task).
type RootCredentials struct {
	LoginProfile *Read[LoginProfile] `json:"login_profile,omitempty"`
	MFADevices   *Read[[]MFADevice]  `json:"mfa_devices,omitempty"`
	AccessKeys   *Read[[]AccessKey]  `json:"access_keys,omitempty"`
}

// User is an IAM user. ID is immutable; name, path and ARN are not.
type User struct {
	ID           string                   `json:"id"`
	Name         string                   `json:"name"`
	ARN          string                   `json:"arn"`
	Path         string                   `json:"path"`
	Created      time.Time                `json:"created,omitzero"`
	Tags         *Read[map[string]string] `json:"tags,omitempty"`
	Access       *Read[Access]            `json:"access,omitempty"`
	LoginProfile *Read[LoginProfile]      `json:"login_profile,omitempty"`
	MFADevices   *Read[[]MFADevice]       `json:"mfa_devices,omitempty"`
	AccessKeys   *Read[[]AccessKey]       `json:"access_keys,omitempty"`
}

// Access is where a user's permissions come from.
type Access struct {
	Groups   []string       `json:"groups"`   // names
	Attached []string       `json:"attached"` // ARNs of managed policies
	Inline   []InlinePolicy `json:"inline"`
	Boundary string         `json:"boundary,omitempty"` // ARN of a managed policy
}

// LoginProfile tells whether there is a console password.
type LoginProfile struct {
	Exists        bool      `json:"exists"`
	Created       time.Time `json:"created,omitzero"`
	ResetRequired bool      `json:"reset_required,omitempty"`
}

// AccessKey is a long-lived key of a user or of root.
type AccessKey struct {
	ID       string        `json:"id"`
	Active   bool          `json:"active"`
	Created  time.Time     `json:"created,omitzero"`
	LastUsed *Read[KeyUse] `json:"last_used,omitempty"`
}

// KeyUse is when a key was used last; a zero At is never.
type KeyUse struct {
	At      time.Time `json:"at,omitzero"`
	Service string    `json:"service,omitempty"`
	Region  string    `json:"region,omitempty"`
}

// InlinePolicy is a policy that belongs to one user or group.
type InlinePolicy struct {
	Name     string `json:"name"`
	Document string `json:"document"` // the JSON text, decoded from the URL form AWS sends
}

// ManagedPolicy is a policy with an ARN of its own, in its default version.
type ManagedPolicy struct {
	ARN      string `json:"arn"`
	Document string `json:"document"`
}

// Group is an IAM group.
type Group struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	ARN      string         `json:"arn"`
	Attached []string       `json:"attached"`
	Inline   []InlinePolicy `json:"inline"`
}

// RoleTrust is an IAM role and who may assume it.
type RoleTrust struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	ARN        string         `json:"arn"`
	Trust      string         `json:"trust"`
	MaxSession int            `json:"max_session_seconds,omitempty"`
	Attached   []string       `json:"attached,omitempty"`
	Inline     []InlinePolicy `json:"inline,omitempty"`
	Boundary   string         `json:"boundary,omitempty"`
}

// SCP is a service control policy that applies to the account.
type SCP struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Target   string `json:"target"` // the root, unit or account it is attached to
	Document string `json:"document"`
}

// RootARN is the ARN of the account's root user.
func (s *Snapshot) RootARN() string {
	return "arn:" + s.Partition + ":iam::" + s.Account + ":root"
}

// Encode writes the snapshot as JSON: the same snapshot gives the same bytes,
// and what DecodeSnapshot reads from them is encoded to them again.
func (s *Snapshot) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("encode snapshot of account %s: %w", s.Account, err)
	}
	return b.Bytes(), nil
}

// DecodeSnapshot reads what Encode wrote. It refuses a field it does not know:
// a fact that was dropped in silence would look like one that was never read.
func DecodeSnapshot(data []byte) (Snapshot, error) {
	var s Snapshot
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Snapshot{}, errors.New("snapshot: something follows the JSON object")
	}
	if err := s.check(); err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	return s, nil
}

func (s *Snapshot) check() error {
	switch {
	case s.Schema != SnapshotSchema:
		return fmt.Errorf("schema is %q, this program reads %q", s.Schema, SnapshotSchema)
	case s.Account == "":
		return errors.New("account is missing")
	case s.Partition == "":
		return errors.New("partition is missing")
	case s.TakenAt.IsZero():
		return errors.New("taken_at is missing")
	case s.Report != nil:
		return s.Report.Value.check()
	}
	return nil
}
