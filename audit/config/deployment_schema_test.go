package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/enforce/guardrail"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/audit/report"
	"mfawatch/internal/partition"
)

// TestDeploymentWords: the schema's lists are those of the rooms that use them.
func TestDeploymentWords(t *testing.T) {
	s, err := fileForm()
	if err != nil {
		t.Fatal(err)
	}
	var filters, first, kinds []string
	for _, f := range deployed.Filters() {
		filters = append(filters, f.ID)
		if f.Default {
			first = append(first, f.ID)
		}
		if f.Number("1.2") == "" && f.ID != lateFilter {
			t.Errorf("%s is not in version 1.2, and config does not know", f.ID)
		}
	}
	kinds = append(kinds, "none")
	for _, k := range guardrail.Kinds() {
		if k.Name != string(guardrail.Actions) { // which needs actions, and protects nothing by itself
			kinds = append(kinds, k.Name)
		}
	}
	for location, want := range map[string][]string{
		"metrics/properties/filters/items":               filters,
		"metrics/properties/cis_version":                 deployed.Versions(),
		"guardrail/properties/profile":                   kinds,
		"reports/properties/formats/items":               texts(report.AuditFormats()),
		"mode":                                           texts([]Mode{OneAccount, Organizational}),
		"guardrail/properties/attach":                    texts([]Attach{ToGroup, ToBoundary, ToSCP}),
		"trail/properties/create/properties/object_lock": {"none", "governance", "compliance"},
	} {
		if diff := cmp.Diff(want, s.enum(fileID+"#/properties/"+location)); diff != "" {
			t.Errorf("%s (-code +schema)\n%s", location, diff)
		}
	}
	if diff := cmp.Diff(texts(audit.Severities()), s.enum(fileID+"#/$defs/target/properties/severity")); diff != "" {
		t.Errorf("severity (-code +schema)\n%s", diff)
	}
	if diff := cmp.Diff(first, defaultFilters()); diff != "" {
		t.Errorf("default filters (-deployed +config)\n%s", diff)
	}
	if versions := deployed.Versions(); defaultVersion != versions[len(versions)-1] {
		t.Errorf("default version %s, the newest is %s", defaultVersion, versions[len(versions)-1])
	}
}

// TestDeploymentDefaults: a file that writes every default out says the same as one
// that leaves them out.
func TestDeploymentDefaults(t *testing.T) {
	const least = "version: 1\naccount: \"111122223333\"\nhome_region: eu-north-1\n"
	const more = "mode: organization\norganization: {id: o-exampleorgid, root: r-exam, management_account: \"111122223333\"}\n" +
		"break_glass: {principals: [\"arn:aws:iam::111122223333:user/glass\"], people: [{name: ada, principals: [\"arn:aws:iam::111122223333:user/door-ada\"], devices: [{id: ada-1, kind: totp, grade: yubikey-touch}]}], " +
		"roles: [{name: administrator, requesters: [ada], approvers: [ada], grade: yubikey-touch}]}\ntrail: {create: {object_lock: governance}}\nguardrail: {profile: self-service}\n" +
		"mfa_roles: [{name: a, principals: [\"arn:aws:iam::111122223333:user/ada\"], policies: [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]}]\nalerts: {targets: [{email: a@example.com}]}\n"
	want, err := ReadDeployment("mfawatch.yaml", []byte(least+more))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path, value := range schemaDefaults(t) {
		if path == "mode" || path == "guardrail.profile" || path == "trail.create.object_lock" {
			continue // the file says another
		}
		seen++
		got, err := ReadDeployment("mfawatch.yaml", []byte(least+more), Override{path, value})
		if err != nil {
			t.Errorf("%s = %s: %v", path, value, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s = %s is not what holds without it (-without +with)\n%s", path, value, diff)
		}
	}
	if seen < 25 {
		t.Errorf("only %d defaults in the schema", seen)
	}
	for path, value := range map[string]string{"mode": "account", "guardrail.profile": "none", "trail.create.object_lock": "none"} {
		want, err := ReadDeployment("mfawatch.yaml", []byte(least))
		got, err2 := ReadDeployment("mfawatch.yaml", []byte(least), Override{path, value})
		if diff := cmp.Diff(want, got); diff != "" || err != nil || err2 != nil || schemaDefaults(t)[path] != value {
			t.Errorf("%s = %s is not what holds without it (%v, %v)\n%s", path, value, err, err2, diff)
		}
	}
}

// schemaDefaults are the defaults of mfawatch.schema.json by key, as YAML.
func schemaDefaults(t *testing.T) map[string]string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(FileSchema(), &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	properties := doc["properties"].(map[string]any)
	collect(all, "", properties)
	target := doc["$defs"].(map[string]any)["target"].(map[string]any)
	collect(all, "alerts.targets.0.", target["properties"].(map[string]any))
	return all
}

func collect(all map[string]string, path string, properties map[string]any) {
	for name, p := range properties {
		p := p.(map[string]any)
		if d, ok := p["default"]; ok {
			text, _ := json.Marshal(d)
			all[path+name] = strings.Trim(string(text), `"`)
		}
		if inner, ok := p["properties"].(map[string]any); ok {
			collect(all, path+name+".", inner)
		}
		if items, ok := p["items"].(map[string]any); ok {
			if inner, ok := items["properties"].(map[string]any); ok {
				collect(all, path+name+".0.", inner)
			}
		}
	}
}

// TestGuardrailsAreMade: every combination of guardrail keys that is accepted is one
// that guardrail.Generate makes, and what it refuses is refused here.
func TestGuardrailsAreMade(t *testing.T) {
	options := []string{"password_change: true", "tag_guard: true", "mfa_age: 15m", "fido_levels: [L2]", `registrars: ["arn:aws:iam::111122223333:user/ada"]`}
	accepted := 0
	for _, kind := range []guardrail.Kind{guardrail.SelfService, guardrail.MFAOnly, guardrail.Hardware, guardrail.AdminManaged} {
		for _, attach := range []Attach{ToGroup, ToBoundary, ToSCP} {
			for mask := range 1 << len(options) {
				yaml := fmt.Sprintf("version: 1\naccount: \"111122223333\"\nhome_region: eu-north-1\nmode: organization\norganization: {id: o-exampleorgid, root: r-exam, management_account: \"111122223333\"}\nguardrail:\n  profile: %s\n  attach: %s\n", kind, attach)
				for i, option := range options {
					if mask&(1<<i) != 0 {
						yaml += "  " + option + "\n"
					}
				}
				d, err := ReadDeployment("mfawatch.yaml", []byte(yaml))
				generated := generated(yaml, kind, attach)
				if (err == nil) != (generated == nil) {
					t.Errorf("%s\nReadDeployment: %v\nGenerate: %v", yaml, err, generated)
				}
				if err == nil && d.Guardrail.Kind == string(kind) {
					accepted++
				}
			}
		}
	}
	if accepted < 30 {
		t.Errorf("%d combinations are accepted", accepted)
	}
}

// generated is Generate's opinion of what the file says. Registrars there are the
// role that the users here assume.
func generated(yaml string, kind guardrail.Kind, attach Attach) error {
	forms := map[Attach]guardrail.Form{ToGroup: guardrail.Identity, ToBoundary: guardrail.Boundary, ToSCP: guardrail.SCP}
	o := guardrail.Options{Kind: kind, Form: forms[attach], PasswordChange: strings.Contains(yaml, "password_change"), TagGuard: strings.Contains(yaml, "tag_guard")}
	if strings.Contains(yaml, "mfa_age") {
		o.MFAAge = 15 * time.Minute
	}
	if strings.Contains(yaml, "fido_levels") {
		o.FIDOLevels = []string{"L2"}
	}
	if strings.Contains(yaml, "registrars") {
		o.Registrars = []string{"arn:aws:iam::111122223333:role/mfawatch-registrar"}
	}
	_, err := guardrail.Generate(o)
	return err
}

const aDoor = "audit: {break_glass: [AIDAEXAMPLEGLASS1]}\nbreak_glass: {people: [{name: ada, principals: [\"arn:aws:iam::111122223333:user/door-ada\"], devices: [{id: ada-1, kind: totp, grade: yubikey-touch}]}], " +
	"roles: [{name: administrator, requesters: [ada], approvers: [ada], grade: yubikey-touch}]}\n"

func TestDoubts(t *testing.T) {
	const least = "version: 1\naccount: \"111122223333\"\nhome_region: eu-north-1\n"
	const told = least + "alerts: {targets: [{email: a@example.com}]}\n"
	for _, c := range []struct{ yaml, want string }{
		{least, "nobody is told"},
		{told, ""},
		{told + "regions: [eu-west-1]\n", "ap-southeast-2, us-east-2, us-west-2 too"},
		{"version: 1\naccount: \"111122223333\"\nhome_region: cn-north-1\nregions: [cn-north-1]\nalerts: {targets: [{email: a@example.com}]}\n", ""},
		{told + "trail: {create: {log_group: false}}\n", "no metric filters"},
		{told + "trail: {adopt: {arn: \"arn:aws:cloudtrail:eu-north-1:111122223333:trail/main\", bucket: logs-111122223333}}\n", "no metric filters"},
		{told + "trail: {adopt: {arn: \"arn:aws:cloudtrail:eu-north-1:111122223333:trail/main\", bucket: logs-111122223333, log_group: trail}}\n", ""},
		{told + "metrics: {filters: none}\n", ""},
		{told + "metrics: {filters: none}\ntrail: {adopt: {arn: \"arn:aws:cloudtrail:eu-north-1:111122223333:trail/main\", bucket: logs-111122223333, log_group: trail}}\n", ""},
		{told + "reports: {schedule: rate(7 days)}\n", ""},
		{told + "reports: {schedule: cron(0 6 1 * ? *)}\n", "up to 31 days apart"},
		{told + "break_glass: {principals: [\"arn:aws:iam::111122223333:user/glass\"]}\n", "audit.break_glass"},
		{told + "break_glass: {principals: [\"arn:aws:iam::111122223333:user/glass\"]}\naudit: {break_glass: [AIDAEXAMPLEGLASS1]}\n", ""},
		{strings.Replace(told, "eu-north-1", "eu-south-2", 1) + aDoor, "functions in eu-south-2"},
		{told + aDoor, ""},
		{strings.Replace(told, "eu-north-1", "eu-south-2", 1) + "break_glass: {principals: [\"arn:aws:iam::111122223333:user/glass\"]}\naudit: {break_glass: [AIDAEXAMPLEGLASS1]}\n", ""},
		{told + "guardrail: {profile: mfa-only}\n", "mfawatch-humans is made and is empty"},
		{told + "guardrail: {profile: mfa-only, groups: [people]}\n", ""},
		{told + "guardrail: {profile: mfa-only, attach: boundary}\n", "set on users by hand"},
		{strings.Replace(told, "}]}", ", accounts: [\"444455556666\"]}]}", 1) + "mode: organization\norganization: {id: o-exampleorgid, root: r-exam, management_account: \"111122223333\"}\n", "nobody hears what the monitor says of itself"},
		{strings.Replace(told, "}]}", ", accounts: [\"444455556666\"]}, {email: b@example.com}]}", 1) + "mode: organization\norganization: {id: o-exampleorgid, root: r-exam, management_account: \"111122223333\"}\n", ""},
		{told + "mode: organization\norganization: {id: o-exampleorgid, root: r-exam, management_account: \"444455556666\"}\nguardrail: {profile: mfa-only, attach: scp}\n", "scp_targets names nothing"},
		{told + "mode: organization\norganization: {id: o-exampleorgid, root: r-exam, management_account: \"111122223333\"}\nguardrail: {profile: mfa-only, attach: scp, scp_targets: [r-exam]}\n", ""},
		{told + "mode: organization\norganization: {id: o-exampleorgid, root: r-exam, management_account: \"444455556666\"}\nguardrail: {profile: mfa-only, attach: scp, scp_targets: [r-exam]}\n", "Organizations delegates policies"},
	} {
		d, err := ReadDeployment("mfawatch.yaml", []byte(c.yaml))
		rules, err2 := ReadFile("mfawatch.yaml", []byte(c.yaml))
		if err != nil || err2 != nil {
			t.Errorf("%s: %v %v", c.yaml, err, err2)
			continue
		}
		doubts := d.Doubts(rules)
		if c.want == "" && len(doubts) > 0 || c.want != "" && (len(doubts) != 1 || !strings.Contains(doubts[0], c.want)) {
			t.Errorf("%s: doubts %q, want one with %q", c.yaml, doubts, c.want)
		}
	}
}

// TestSignInRegionsAreWatchedByDefault: who writes no Regions misses no sign-in.
func TestSignInRegionsAreWatchedByDefault(t *testing.T) {
	for _, p := range partition.List() {
		d, err := ReadDeployment("mfawatch.yaml", fmt.Appendf(nil, "version: 1\naccount: \"111122223333\"\nhome_region: %s\n", p.Always[0]))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range append(signInRegions(p.ID), p.IAM) {
			if !slices.Contains(d.Regions, r) {
				t.Errorf("%s is not watched in partition %s", r, p.ID)
			}
		}
		if d.Partition() != p.ID || !slices.IsSorted(d.Regions) {
			t.Errorf("partition %s, Regions %v", d.Partition(), d.Regions)
		}
	}
}
