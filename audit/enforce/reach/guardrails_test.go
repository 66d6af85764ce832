package reach

import (
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce/guardrail"
)

// Under a guardrail of ours an administrator with a device can do nothing without it,
// by key or by password, with a path or without.
func TestGeneratedGuardrailsHold(t *testing.T) {
	at := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	const everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	for _, kind := range []guardrail.Kind{guardrail.SelfService, guardrail.MFAOnly, guardrail.Hardware, guardrail.AdminManaged} {
		for _, form := range []guardrail.Form{guardrail.Identity, guardrail.SCP, guardrail.Boundary} {
			for _, path := range []string{"/", "/dev/team/"} {
				o := guardrail.Options{Kind: kind, Form: form, Partition: "aws"}
				if kind == guardrail.AdminManaged {
					o.Registrars = []string{"arn:aws:iam::111122223333:role/mfa-registrar"}
				}
				d, err := guardrail.Generate(o)
				if err != nil {
					t.Fatal(err)
				}
				u := audit.User{ID: "AIDAEXAMPLEADA", Name: "ada", Path: path, ARN: "arn:aws:iam::111122223333:user" + path + "ada", Tags: &audit.Read[map[string]string]{At: at}}
				access := audit.Access{Inline: []audit.InlinePolicy{{Name: "admin", Document: everything}}}
				s := audit.Snapshot{
					Account: "111122223333", Partition: "aws", TakenAt: at, Organization: &audit.Read[audit.OrganizationFeatures]{At: at},
					Policies: &audit.Read[[]audit.ManagedPolicy]{At: at}, Groups: &audit.Read[[]audit.Group]{At: at}, Roles: &audit.Read[[]audit.RoleTrust]{At: at},
				}
				const guard = "arn:aws:iam::111122223333:policy/guard"
				switch form {
				case guardrail.Identity:
					access.Inline = append(access.Inline, audit.InlinePolicy{Name: "guard", Document: d.JSON()})
				case guardrail.Boundary:
					access.Boundary = guard
					s.Policies.Value = []audit.ManagedPolicy{{ARN: guard, Document: d.JSON()}}
				case guardrail.SCP:
					s.SCPs = &audit.Read[[]audit.SCP]{At: at, Value: []audit.SCP{{ID: "p-full", Name: "FullAWSAccess", Target: "111122223333", Document: everything}, {ID: "p-guard", Name: "guard", Target: "111122223333", Document: d.JSON()}}}
					s.Organization.Value.OrganizationID = "o-example"
				}
				u.Access = &audit.Read[audit.Access]{At: at, Value: access}
				s.Users = &audit.Read[[]audit.User]{At: at, Value: []audit.User{u}}
				got := Look(&s).User(&u, Holds{Password: Yes, AccessKey: Yes, Device: Yes})
				if len(got.Sessions) != 2 {
					t.Fatalf("%d sessions", len(got.Sessions))
				}
				for _, session := range got.Sessions {
					if session.Anything() != No {
						t.Errorf("%s as %s, path %s, %s: %+v", kind, form, path, session.Credential, session.Open)
					}
				}
			}
		}
	}
}
