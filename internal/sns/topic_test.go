package sns_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/internal/sns"
)

type client struct {
	in  *awssns.PublishInput
	err error
}

func (c *client) Publish(_ context.Context, in *awssns.PublishInput, _ ...func(*awssns.Options)) (*awssns.PublishOutput, error) {
	c.in = in
	return &awssns.PublishOutput{MessageId: aws.String("m-1")}, c.err
}

const arn = "arn:aws:sns:eu-north-1:111122223333:alerts"

func TestPublish(t *testing.T) {
	c := &client{}
	id, err := (&sns.Topic{Client: c, ARN: arn}).Publish(context.Background(), "subject", `{"default":"x"}`, map[string]string{"severity": "high"})
	if err != nil || id != "m-1" {
		t.Errorf("Publish = %q (error %v), want m-1", id, err)
	}
	a := c.in.MessageAttributes["severity"]
	if *c.in.TopicArn != arn || *c.in.Subject != "subject" || *c.in.Message != `{"default":"x"}` || *c.in.MessageStructure != "json" || *a.DataType != "String" || *a.StringValue != "high" {
		t.Errorf("asked %+v", c.in)
	}
}

func TestPublishError(t *testing.T) {
	cause := errors.New("throttled")
	_, err := (&sns.Topic{Client: &client{err: cause}, ARN: arn}).Publish(context.Background(), "private subject", `{"default":"private"}`, nil)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), arn) || strings.Contains(err.Error(), "private") {
		t.Errorf("error %v, want the cause and the topic, and nothing of the message", err)
	}
}
