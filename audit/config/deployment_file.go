package config

import (
	"encoding/json"
	"time"
)

// deploymentFile is what mfawatch.yaml says of a deployment, as it is written and
// after the schema accepted it.
type deploymentFile struct {
	Prefix       string
	Mode         Mode
	Account      string
	HomeRegion   string `json:"home_region"`
	Regions      words
	Organization *organizationFile
	Trail        trailFile
	Alerts       struct{ Targets []targetFile }
	Guardrail    guardrailFile
	MFARoles     []roleFile `json:"mfa_roles"`
	Reports      struct {
		Schedule    string
		Formats     []string
		SecurityHub bool `json:"security_hub"`
		Athena      bool
	}
	Metrics struct {
		Version string `json:"cis_version"`
		Filters words
		Form    string
	}
	BreakGlass glassFile `json:"break_glass"`
	Watchdog   struct {
		Enabled   *bool
		Every     window
		Heartbeat string
	}
	KMS         key
	Retention   struct{ Trail, Evidence, Reports, Logs span }
	Tags        map[string]string
	CostCeiling int `json:"cost_ceiling"`
}

type organizationFile struct {
	ID         string
	Root       string
	Units      []string
	Management string `json:"management_account"`
	Delegated  *bool
	Concurrent int  `json:"concurrency"`
	Tolerated  *int `json:"tolerated_failures"`
}

type trailFile struct {
	Adopt *struct {
		ARN, Bucket, Prefix string
		KMSKey              string `json:"kms_key"`
		LogGroup            string `json:"log_group"`
	}
	Create struct {
		ObjectLock string `json:"object_lock"`
		LockDays   int    `json:"lock_days"`
		LogGroup   *bool  `json:"log_group"`
	}
}

type targetFile struct {
	Email, HTTPS, SQS, PagerDuty string
	Slack                        *struct{ Workspace, Channel string }
	Teams                        *struct{ Team, Tenant, Channel string }
	Severity                     string
	Accounts                     []string
}

type guardrailFile struct {
	Profile        string
	Attach         Attach
	Groups         []string
	SCPTargets     []string `json:"scp_targets"`
	PasswordChange bool     `json:"password_change"`
	TagGuard       bool     `json:"tag_guard"`
	MFAAge         window   `json:"mfa_age"`
	FIDOLevels     []string `json:"fido_levels"`
	Registrars     []string
}

type roleFile struct {
	Name       string
	Principals []string
	Policies   []string
	Session    window
	MFAAge     window `json:"mfa_age"`
}

// glassFile is the emergency door.
type glassFile struct {
	roleFile
	Door    string
	Approve window
	Use     window
	People  []struct {
		Name       string
		Principals []string
		Devices    []Device
	}
	Roles []doorRoleFile
}

type doorRoleFile struct {
	Name       string
	Policies   []string
	Requesters []string
	Approvers  []string
	Approvals  int
	Longest    window
	CoolOff    window `json:"cool_off"`
	Grade      string
	Sheets     bool
	Ticket     bool
	Alone      struct {
		Allowed bool
		CoolOff window `json:"cool_off"`
		Grade   string
	}
}

// words are a list, or one word.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(w))
}

// is tells the one word.
func (w words) is(word string) bool { return len(w) == 1 && w[0] == word }

// key is the KMS key: a word, or the ARN of one to use.
type key struct{ Use string }

func (k *key) UnmarshalJSON(b []byte) error {
	var in struct{ Use string }
	err := json.Unmarshal(b, &in)
	if word := ""; json.Unmarshal(b, &word) == nil {
		err = nil
	}
	k.Use = in.Use
	return err
}

// days is a span in days.
func (s span) days() int { return int(time.Duration(s) / (24 * time.Hour)) }
