package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"

	"mfawatch/audit"
)

// organization is what a run knows of its organisation, read once for all
// accounts: members may not ask it, and a thousand would be throttled.
type organization struct {
	ID         string                                  `json:"organization"`
	Management string                                  `json:"management"`
	Began      time.Time                               `json:"began"`
	Features   *audit.Read[audit.OrganizationFeatures] `json:"features,omitempty"`
	NoFeatures string                                  `json:"no_features,omitempty"` // why they are not known
	Members    []member                                `json:"members"`
}

// member is an account as its organisation knows it. An e-mail address is
// personal and not kept.
type member struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

func (m member) active() bool { return m.Status == string(types.AccountStateActive) }

// itemsLimit is how many bytes of items are put into the result: a state's
// output holds 256 KiB (Step Functions quotas). The map reads more from S3.
const itemsLimit = 200_000

// list lists the organisation's accounts for a distributed map.
func (h *Handler) list(ctx context.Context, e Event) (Result, error) {
	r := Result{Mode: e.Mode, Run: e.Run}
	o, err := h.describe(ctx, e.Began)
	if err != nil {
		return r, err
	}
	r.Organization = o.ID
	at := h.place(o.ID)
	if err := h.keep(ctx, at.run(e.Run), &o); err != nil {
		return r, err
	}
	items := []Event{}
	for _, m := range o.Members {
		if m.active() {
			items = append(items, Event{Mode: ModeMember, Run: e.Run, Organization: o.ID, Account: m.ID, Name: m.Name, Began: o.Began})
		}
	}
	r.Accounts, r.ItemsKey = len(items), at.run(e.Run)+itemsName
	if text, err := json.Marshal(items); err == nil && len(text) <= itemsLimit {
		r.Items = items
	}
	return r, h.put(ctx, r.ItemsKey, items)
}

// keep writes what is known of the organisation, unless the run did before:
// then that holds.
func (h *Handler) keep(ctx context.Context, dir string, o *organization) error {
	var before organization
	if err := h.get(ctx, dir+organizationName, &before); err != nil {
		return err
	}
	if before.ID == o.ID {
		*o = before
		return nil
	}
	return h.put(ctx, dir+organizationName, o)
}

// describe asks with the function's own credentials: those of the management
// account or of a delegated administrator.
func (h *Handler) describe(ctx context.Context, began time.Time) (organization, error) {
	client := organizations.NewFromConfig(h.AWS)
	described, err := client.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if err != nil {
		return organization{}, h.advice("organizations:DescribeOrganization", err)
	}
	org := described.Organization
	if org == nil || !organizationForm.MatchString(aws.ToString(org.Id)) {
		return organization{}, errors.New("organizations:DescribeOrganization: the answer names no organisation")
	}
	o := organization{ID: aws.ToString(org.Id), Management: aws.ToString(org.MasterAccountId), Began: began.UTC()}
	if o.Members, err = h.members(ctx, client); err != nil {
		return organization{}, err
	}
	o.Features, o.NoFeatures = h.features(ctx)
	return o, nil
}

func (h *Handler) members(ctx context.Context, client *organizations.Client) ([]member, error) {
	var all []member
	pages := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, h.advice("organizations:ListAccounts", err)
		}
		for _, a := range page.Accounts {
			m := member{ID: aws.ToString(a.Id), Name: aws.ToString(a.Name), Status: status(a)}
			if m.active() && m.ID != h.Settings.Account && h.Settings.Role == "" {
				return nil, errors.New("no role is named to assume in the accounts: set MFAWATCH_AUDIT_ROLE")
			}
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b member) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b member) bool { return a.ID == b.ID }), nil
}

// status prefers State, which stands in for the retired Status (Organizations
// API reference, Account).
func status(a types.Account) string { return cmp.Or(string(a.State), string(a.Status)) }

// features asks what members' root users may be spared. That it is not known is
// no reason to stop.
func (h *Handler) features(ctx context.Context) (*audit.Read[audit.OrganizationFeatures], string) {
	at := h.now()
	out, err := iam.NewFromConfig(h.AWS).ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	if err != nil {
		return nil, reason(err)
	}
	f := audit.OrganizationFeatures{OrganizationID: aws.ToString(out.OrganizationId), Enabled: []string{}}
	for _, enabled := range out.EnabledFeatures {
		f.Enabled = append(f.Enabled, string(enabled))
	}
	slices.Sort(f.Enabled)
	return &audit.Read[audit.OrganizationFeatures]{Call: audit.FactOrganization.Action(), At: at, Value: f}, ""
}

// advice says what to do about an organisation that does not answer.
func (h *Handler) advice(action string, err error) error {
	switch code := reason(err); code {
	case "AWSOrganizationsNotInUseException":
		return fmt.Errorf("%s: account %s is in no organisation: use mode account", action, h.Settings.Account)
	case "AccessDenied":
		return fmt.Errorf("%s: account %s may not ask: deploy to the management account or a delegated administrator, and allow it", action, h.Settings.Account)
	default:
		return fmt.Errorf("%s: %s", action, code)
	}
}

// reason is an error in a word: AWS's own message names people.
func reason(err error) string {
	var answer smithy.APIError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return "interrupted"
	case !errors.As(err, &answer):
		return "AWS cannot be reached: check the network, the Region and the endpoint"
	case answer.ErrorCode() == "AccessDeniedException":
		return "AccessDenied"
	}
	return answer.ErrorCode()
}
