package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"mfawatch/audit"
	"mfawatch/audit/collect"
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
	listed, b, err := collect.Directory(ctx, h.AWS, collect.Options{Rate: float64(h.Settings.Rate), Now: h.Now})
	if err != nil {
		return organization{}, err
	}
	if !organizationForm.MatchString(listed.ID) {
		return organization{}, errors.New("organizations:DescribeOrganization: the answer names no organisation")
	}
	o := organization{ID: listed.ID, Management: listed.ManagementAccount, Began: began.UTC(), Features: b.Features, NoFeatures: b.NoFeatures}
	for _, a := range listed.Members {
		m := member{ID: a.ID, Name: a.Name, Status: a.Status}
		if m.active() && m.ID != h.Settings.Account && h.Settings.Role == "" {
			return organization{}, errors.New("no role is named to assume in the accounts: set MFAWATCH_AUDIT_ROLE")
		}
		o.Members = append(o.Members, m)
	}
	return o, nil
}
