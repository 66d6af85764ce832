package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"mfawatch/audit"
)

// noSCPFiles is why service control policies are not known where no file is about
// them.
const noSCPFiles = "no exported file has them: run the script of 'mfawatch collect --print-export --org' for the management account, and give its folder with --scps-from"

// hierarchy is what exported files tell of the organisation above an account. It
// answers as AWS does, so that files and AWS give the same facts.
type hierarchy struct {
	organization shelf[organizationIDs]
	parents      shelf[string]                // by account or unit
	attached     shelf[[]types.PolicySummary] // by account, unit or root
	texts        shelf[string]                // by policy
	refused      map[[2]string]string         // by kind and whom: why there is no answer
}

type organizationIDs struct{ id, management string }

func newHierarchy() hierarchy {
	return hierarchy{
		organization: shelf[organizationIDs]{}, parents: shelf[string]{}, attached: shelf[[]types.PolicySummary]{},
		texts: shelf[string]{}, refused: map[[2]string]string{},
	}
}

// any tells that some file is about an organisation.
func (h *hierarchy) any() bool {
	return len(h.organization)+len(h.parents)+len(h.attached)+len(h.texts)+len(h.refused) > 0
}

// lacks notes an answer that a file of its kind has not.
func (h *hierarchy) lacks(kind export, r refusal) {
	switch kind.name {
	case organizationExport, parentsExport, targetsExport, documentsExport:
		h.refused[[2]string{kind.name, r.whom}] = r.reason
	}
}

// lacking is why there is no answer, or what gives it.
func (h *hierarchy) lacking(kind, whom string) error {
	if reason, told := h.refused[[2]string{kind, whom}]; told {
		return errors.New(reason)
	}
	i := slices.IndexFunc(exports(), func(e export) bool { return e.name == kind })
	return fmt.Errorf("no file %s.json: %s", strings.TrimSuffix(kind+"/"+whom, "/"), strings.Replace(exports()[i].command, "TARGET", whom, 1))
}

func answerOf[T any](h *hierarchy, s shelf[T], kind, whom string) (T, error) {
	a, told := s[whom]
	if !told {
		return a.value, h.lacking(kind, whom)
	}
	return a.value, nil
}

func (h *hierarchy) policiesOf(_ context.Context, target string) ([]types.PolicySummary, error) {
	return answerOf(h, h.attached, targetsExport, target)
}

func (h *hierarchy) textOf(_ context.Context, policy string) (string, error) {
	return answerOf(h, h.texts, documentsExport, policy)
}

func (h *hierarchy) parentOf(_ context.Context, target string) (string, error) {
	if isOrganizationRoot(target) {
		return "", nil
	}
	return answerOf(h, h.parents, parentsExport, target)
}

// fill adds the policies above an account to its facts, or why they are not known.
func (h *hierarchy) fill(s *audit.Snapshot) error {
	if !h.any() {
		return nil
	}
	org, untold := answerOf(h, h.organization, organizationExport, "")
	if s.Organization != nil && org.id != "" && s.Organization.Value.OrganizationID != org.id {
		return fmt.Errorf("%s is of organisation %s, account %s is in %s", h.organization[""].file, org.id, s.Account, cmp.Or(s.Organization.Value.OrganizationID, "none"))
	}
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactSCPs })
	const described = "organizations:DescribeOrganization"
	if untold != nil { // it may be the management account
		s.SCPs, s.Gaps = nil, append(s.Gaps, audit.Gap{Fact: audit.FactSCPs, Action: described, Reason: untold.Error()})
		return nil
	}
	if org.management == s.Account { // no SCP restricts it, as in askSCPs
		s.SCPs = readAt(described, h.organization[""].at, []audit.SCP{})
		return nil
	}
	scps, action, err := newSCPReader(h, h.oldest).of(context.Background(), s.Account)
	if err != nil {
		s.Gaps = append(s.Gaps, audit.Gap{Fact: audit.FactSCPs, Action: action, Reason: err.Error()})
	}
	s.SCPs = scps
	return nil
}

// oldest is when the oldest file was exported: what was read is no younger.
func (h *hierarchy) oldest() time.Time {
	var at time.Time
	see := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, a := range h.attached {
		see(a.at)
	}
	for _, a := range h.parents {
		see(a.at)
	}
	for _, a := range h.texts {
		see(a.at)
	}
	return at
}

// addSCPs adds to an account's facts what a folder of its organisation tells. It does
// not move the time of the audit: that is of the account's own files, from which the
// ages of its facts are counted.
func addSCPs(s *audit.Snapshot, folder string) error {
	im, err := readFolder(folder, time.Time{})
	switch {
	case err != nil:
		return err
	case len(im.strangers) > 0:
		return strange(im.strangers)
	case !im.above.any():
		return errors.New("it has no policies of an organisation: 'mfawatch collect --print-export --org' prints the script that writes them")
	}
	return im.above.fill(s)
}

func (im *importer) describeOrganization(d document) error {
	// Organizations API reference, Organization.
	var answer struct {
		Organization struct{ Id, MasterAccountId string }
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	org := organizationIDs{answer.Organization.Id, answer.Organization.MasterAccountId}
	if org.id == "" || !isAccount(org.management) {
		return fmt.Errorf("%s: Id or MasterAccountId is missing: export it again", d.name)
	}
	return im.above.organization.put("", org, d.exportFile)
}

// listParents: AWS gives each one parent. The answer does not name the child.
func (im *importer) listParents(d document) error {
	var answer struct {
		paged
		Parents []struct{ Id string }
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	child, err := namedBy(d.exportFile, func(e export) bool { return e.name == parentsExport })
	if err != nil {
		return err
	}
	if len(answer.Parents) != 1 || answer.Parents[0].Id == "" {
		return fmt.Errorf("%s: %d parents, and AWS gives each account and unit one: export it again", d.name, len(answer.Parents))
	}
	return im.above.parents.put(child, answer.Parents[0].Id, d.exportFile)
}

// listTargets: the answer does not name the target. An empty list is taken on trust
// to be of service control policies.
func (im *importer) listTargets(d document) error {
	var answer struct {
		paged
		Policies []struct{ Id, Name, Type string }
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	target, err := namedBy(d.exportFile, func(e export) bool { return e.name == targetsExport })
	if err != nil {
		return err
	}
	if answer.truncated() {
		im.above.refused[[2]string{targetsExport, target}] = fmt.Sprintf(onePage, d.name)
		return nil
	}
	var all []types.PolicySummary
	for i, p := range answer.Policies {
		switch {
		case p.Id == "":
			return fmt.Errorf("%s: entry %d has no Id: export it without --query", d.name, i+1)
		case p.Type != string(types.PolicyTypeServiceControlPolicy):
			return fmt.Errorf("%s: entry %d is of type %q: export it with --filter SERVICE_CONTROL_POLICY", d.name, i+1, p.Type)
		}
		all = append(all, types.PolicySummary{Id: aws.String(p.Id), Name: aws.String(p.Name)})
	}
	return im.above.attached.put(target, all, d.exportFile)
}

func (im *importer) describePolicy(d document) error {
	var answer struct {
		Policy struct {
			PolicySummary struct{ Id string }
			Content       string
		}
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	p := answer.Policy
	if p.PolicySummary.Id == "" || p.Content == "" {
		return fmt.Errorf("%s: the policy's Id or Content is missing: export it without --query", d.name)
	}
	return im.above.texts.put(p.PolicySummary.Id, p.Content, d.exportFile)
}
