package config

import (
	"encoding/json"
	"fmt"
	"time"
)

// object is a mapping of the file.
type object = map[string]any

// MarshalJSON writes the deployment as mfawatch.yaml would say it with nothing left
// out: JSON is YAML, and ReadDeployment reads the same deployment out of it.
func (d Deployment) MarshalJSON() ([]byte, error) { return json.Marshal(d.file()) }

func (d Deployment) file() object {
	o := object{
		"version": 1, "prefix": d.Prefix, "mode": d.Mode, "account": d.Account, "home_region": d.Home, "regions": d.Regions,
		"trail": d.Trail.file(), "alerts": object{"targets": d.targets()}, "guardrail": d.Guardrail.file(), "reports": d.Reports.file(),
		"metrics": d.Metrics.file(), "watchdog": d.Watchdog.file(), "kms": "create", "retention": d.retention(),
	}
	if d.KMS != "" {
		o["kms"] = object{"use": d.KMS}
	}
	if d.Mode == Organizational {
		o["organization"] = d.Organization.file()
	}
	if len(d.MFARoles) > 0 {
		o["mfa_roles"] = d.roles()
	}
	if d.BreakGlass.There() {
		o["break_glass"] = d.BreakGlass.file()
	}
	if len(d.Tags) > 0 {
		o["tags"] = d.Tags
	}
	if d.CostCeiling > 0 {
		o["cost_ceiling"] = d.CostCeiling
	}
	return o
}

func length(d time.Duration) string { return d.String() }

func (o Organization) file() object {
	f := object{"id": o.ID, "management_account": o.Management, "delegated": o.Delegated, "concurrency": o.Concurrent, "tolerated_failures": o.Tolerated}
	if o.Root != "" {
		f["root"] = o.Root
	} else {
		f["units"] = o.Units
	}
	return f
}

func (t Trail) file() object {
	if t.Adopt == "" {
		create := object{"object_lock": "none", "log_group": t.Logs}
		if t.ObjectLock != "" {
			create["object_lock"], create["lock_days"] = t.ObjectLock, t.LockDays
		}
		return object{"create": create}
	}
	adopt := object{"arn": t.Adopt, "bucket": t.Bucket}
	for key, value := range map[string]string{"prefix": t.KeyPrefix, "kms_key": t.KeyARN, "log_group": t.LogGroup} {
		if value != "" {
			adopt[key] = value
		}
	}
	return object{"adopt": adopt}
}

func (d Deployment) targets() []object {
	all := []object{}
	for _, t := range d.Targets {
		switch t.Kind {
		case Slack:
			all = append(all, object{"slack": object{"workspace": t.Workspace, "channel": t.Channel}})
		case Teams:
			all = append(all, object{"teams": object{"team": t.Team, "tenant": t.Tenant, "channel": t.Channel}})
		default:
			to := object{string(t.Kind): t.Address, "severity": t.Severity}
			if len(t.Accounts) > 0 {
				to["accounts"] = t.Accounts
			}
			all = append(all, to)
		}
	}
	return all
}

func (g Guardrail) file() object {
	if g.Kind == "" {
		return object{"profile": "none"}
	}
	f := object{"profile": g.Kind, "attach": g.Attach, "password_change": g.PasswordChange}
	for key, list := range map[string][]string{"groups": g.Groups, "scp_targets": g.SCPTargets, "fido_levels": g.FIDOLevels, "registrars": g.Registrars} {
		if len(list) > 0 {
			f[key] = list
		}
	}
	if g.MFAAge > 0 {
		f["mfa_age"] = length(g.MFAAge)
	}
	if g.TagGuard {
		f["tag_guard"] = true
	}
	return f
}

func (d Deployment) roles() []object {
	var all []object
	for _, r := range d.MFARoles {
		all = append(all, object{"name": r.Name, "principals": r.Principals, "policies": r.Policies, "session": length(r.Session), "mfa_age": length(r.MFAAge)})
	}
	return all
}

func (b BreakGlass) file() object {
	f := object{"policies": b.Policies, "session": length(b.Session)}
	if len(b.Principals) > 0 {
		f["principals"], f["mfa_age"] = b.Principals, length(b.MFAAge)
	}
	if !b.Door.There() {
		return f
	}
	f["door"], f["approve"], f["use"] = b.Door.Name, length(b.Door.Approve), length(b.Door.Use)
	var people, roles []object
	for _, p := range b.Door.People {
		people = append(people, p.file())
	}
	for _, r := range b.Door.Roles {
		roles = append(roles, r.file())
	}
	f["people"], f["roles"] = people, roles
	return f
}

func (p Person) file() object {
	var devices []object
	for _, d := range p.Devices {
		device := object{"id": d.ID, "kind": d.Kind}
		if d.Grade != "" {
			device["grade"] = d.Grade
		}
		devices = append(devices, device)
	}
	return object{"name": p.Name, "principals": p.Principals, "devices": devices}
}

func (r DoorRole) file() object {
	f := object{
		"name": r.Name, "requesters": r.Requesters, "approvers": r.Approvers, "approvals": r.Approvals, "longest": length(r.Longest), "grade": r.Grade,
		"sheets": r.Sheets, "ticket": r.Ticket,
	}
	if len(r.Policies) > 0 {
		f["policies"] = r.Policies
	}
	if r.CoolOff > 0 {
		f["cool_off"] = length(r.CoolOff)
	}
	alone := object{"allowed": r.Alone.Allowed}
	if r.Alone.CoolOff > 0 {
		alone["cool_off"] = length(r.Alone.CoolOff)
	}
	if r.Alone.Grade != "" {
		alone["grade"] = r.Alone.Grade
	}
	if r.Alone != (Alone{}) {
		f["alone"] = alone
	}
	return f
}

func (r Reports) file() object {
	return object{"schedule": r.Schedule, "formats": r.Formats, "security_hub": r.SecurityHub, "athena": r.Athena}
}

func (m Metrics) file() object {
	if !m.Enabled {
		return object{"filters": "none"}
	}
	return object{"cis_version": m.Version, "filters": m.Filters, "form": m.Form}
}

func (w Watchdog) file() object {
	if !w.Enabled {
		return object{"enabled": false}
	}
	f := object{"enabled": true, "every": length(w.Every)}
	if w.Heartbeat != "" {
		f["heartbeat"] = w.Heartbeat
	}
	return f
}

// retention leaves out the files of an adopted trail, whose bucket is not touched.
func (d Deployment) retention() object {
	days := func(n int) string { return fmt.Sprintf("%dd", n) }
	f := object{"evidence": days(d.Retention.Evidence), "reports": days(d.Retention.Reports), "logs": days(d.Retention.Logs)}
	if d.Trail.Adopt == "" {
		f["trail"] = days(d.Retention.Trail)
	}
	return f
}
