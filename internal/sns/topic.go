// Package sns publishes to one SNS topic: it is delivery's Topic. It also lists who
// subscribes to one.
//
// It promises to give each of SNS's protocols its own form of a message and to
// pass attributes on for filter policies. It never says a message's content in
// an error.
package sns

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Client is what the topic asks of SNS; *sns.Client is one.
type Client interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Topic is one topic.
type Topic struct {
	Client Client
	ARN    string
}

// Publish sends a message. body is a JSON object of protocols with at least
// "default" (SNS API reference, Publish, MessageStructure); the id is SNS's.
func (t *Topic) Publish(ctx context.Context, subject, body string, attributes map[string]string) (string, error) {
	in := &sns.PublishInput{
		TopicArn: &t.ARN, Subject: &subject, Message: &body, MessageStructure: aws.String("json"),
		MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	for name, value := range attributes {
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	out, err := t.Client.Publish(ctx, in)
	if err != nil {
		return "", fmt.Errorf("sns publish to %s: %w", t.ARN, err)
	}
	return aws.ToString(out.MessageId), nil
}
