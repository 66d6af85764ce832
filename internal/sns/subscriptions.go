package sns

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/internal/awserr"
)

// Subscription is one of a topic's. Authenticated tells that it cannot be ended
// by whoever has a message's link (SNS API reference, GetSubscriptionAttributes,
// ConfirmationWasAuthenticated).
type Subscription struct {
	Protocol, Endpoint string
	Pending            bool
	Authenticated      bool
	Unread             error // of what is known of a confirmed one, when it was not answered
}

// pending is what SNS says in the place of an ARN before the confirmation.
const pending = "PendingConfirmation"

// Reader is what Subscriptions asks of SNS; *sns.Client is one.
type Reader interface {
	ListSubscriptionsByTopic(context.Context, *sns.ListSubscriptionsByTopicInput, ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error)
	GetSubscriptionAttributes(context.Context, *sns.GetSubscriptionAttributesInput, ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error)
}

// Subscriptions are those of one topic.
type Subscriptions struct {
	Client Reader
	ARN    string // the topic's
}

// List gives all, each with how it was confirmed. Its errors name the action and
// AWS's code, and no endpoint.
func (s Subscriptions) List(ctx context.Context) ([]Subscription, error) {
	in := &sns.ListSubscriptionsByTopicInput{TopicArn: &s.ARN}
	var all []Subscription
	for {
		out, err := s.Client.ListSubscriptionsByTopic(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("sns:ListSubscriptionsByTopic of %s: %s", s.ARN, awserr.Code(err))
		}
		for _, found := range out.Subscriptions {
			one := Subscription{Protocol: aws.ToString(found.Protocol), Endpoint: aws.ToString(found.Endpoint), Pending: aws.ToString(found.SubscriptionArn) == pending}
			if !one.Pending {
				one.Authenticated, one.Unread = s.authenticated(ctx, found.SubscriptionArn)
			}
			all = append(all, one)
		}
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

func (s Subscriptions) authenticated(ctx context.Context, arn *string) (bool, error) {
	out, err := s.Client.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: arn})
	if err != nil {
		return false, fmt.Errorf("sns:GetSubscriptionAttributes: %s", awserr.Code(err))
	}
	return out.Attributes["ConfirmationWasAuthenticated"] == "true", nil
}
