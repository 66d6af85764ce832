package collect

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"mfawatch/audit"
)

const scpCall = "organizations:ListPoliciesForTarget"

// scpReader reads the service control policies above accounts. Accounts share
// units and policies: each is asked for once, and so is what was refused.
type scpReader struct {
	source scpSource
	now    func() time.Time

	turn     chan struct{} // held while asking: Organizations throttles early
	parents  map[string]remembered[string]
	attached map[string]remembered[[]types.PolicySummary]
	texts    map[string]remembered[string]
}

// scpSource answers what the policies above an account are made of: AWS, or
// exported files.
type scpSource interface {
	policiesOf(ctx context.Context, target string) ([]types.PolicySummary, error)
	textOf(ctx context.Context, policy string) (string, error)
	// parentOf is the unit or root above a target, empty for what has none.
	parentOf(ctx context.Context, target string) (string, error)
}

// organizationsAPI is AWS Organizations, asked with the caller's credentials.
type organizationsAPI struct{ client *organizations.Client }

func newSCPReader(source scpSource, now func() time.Time) *scpReader {
	return &scpReader{source: source, now: now, turn: make(chan struct{}, 1)}
}

// remembered is an answer or the error in its place, and the action that was asked.
type remembered[T any] struct {
	value  T
	action string
	err    error
}

// once asks for what was not asked before.
func once[T any](known *map[string]remembered[T], key, action string, ask func() (T, error)) remembered[T] {
	if a, before := (*known)[key]; before {
		return a
	}
	value, err := ask()
	a := remembered[T]{value, action, err}
	if *known == nil {
		*known = map[string]remembered[T]{}
	}
	(*known)[key] = a
	return a
}

// of reads the policies of an account, of the units it is in and of the root. On
// an error it names the action that was refused.
func (s *scpReader) of(ctx context.Context, account string) (*audit.Read[[]audit.SCP], string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, scpCall, ctx.Err()
	}
	all := []audit.SCP{}
	for target := account; target != ""; {
		policies := once(&s.attached, target, scpCall, func() ([]types.PolicySummary, error) { return s.source.policiesOf(ctx, target) })
		if policies.err != nil {
			return nil, policies.action, policies.err
		}
		for _, p := range policies.value {
			id := aws.ToString(p.Id)
			text := once(&s.texts, id, "organizations:DescribePolicy", func() (string, error) { return s.source.textOf(ctx, id) })
			if text.err != nil {
				return nil, text.action, text.err
			}
			all = append(all, audit.SCP{ID: id, Name: aws.ToString(p.Name), Target: target, Document: text.value})
		}
		parent := once(&s.parents, target, "organizations:ListParents", func() (string, error) { return s.source.parentOf(ctx, target) })
		if parent.err != nil {
			return nil, parent.action, parent.err
		}
		target = parent.value
	}
	audit.SortStable(all, func(a, b audit.SCP) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Target, b.Target)) })
	return readAt(scpCall, s.now(), all), "", nil
}

func (s organizationsAPI) policiesOf(ctx context.Context, target string) ([]types.PolicySummary, error) {
	var all []types.PolicySummary
	pages := organizations.NewListPoliciesForTargetPaginator(s.client, &organizations.ListPoliciesForTargetInput{
		TargetId: aws.String(target), Filter: types.PolicyTypeServiceControlPolicy,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Policies...)
	}
	return all, nil
}

func (s organizationsAPI) textOf(ctx context.Context, id string) (string, error) {
	answer, err := s.client.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String(id)})
	if err != nil || answer.Policy == nil {
		return "", err
	}
	return aws.ToString(answer.Policy.Content), nil
}

// parentOf is the unit or root above a target; the root, r-…, has none. AWS
// gives each one parent (Organizations API reference, ListParents).
func (s organizationsAPI) parentOf(ctx context.Context, target string) (string, error) {
	if isOrganizationRoot(target) {
		return "", nil
	}
	answer, err := s.client.ListParents(ctx, &organizations.ListParentsInput{ChildId: aws.String(target)})
	if err != nil || len(answer.Parents) == 0 {
		return "", err
	}
	return aws.ToString(answer.Parents[0].Id), nil
}

func isOrganizationRoot(target string) bool { return strings.HasPrefix(target, "r-") }
