// Package sqs takes messages from a queue, and asks how many a queue holds.
//
// It promises to wait for messages as long as it is told, twenty seconds a call at
// most (SQS API reference, ReceiveMessage), and that a message which could not be
// deleted is an error. Its errors name the action, the queue and AWS's code, and
// nothing of a message.
package sqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"mfawatch/internal/awserr"
)

// Message is one message. Handle is what it is deleted by.
type Message struct {
	ID, Handle, Body string
	Sent             time.Time // when the queue got it; zero when SQS does not say
}

// Queue is one queue.
type Queue struct {
	client *sqs.Client
	queue  name
	url    string
}

// name is a queue in a Region.
type name struct{ region, account, queue string }

func (n name) String() string { return "queue " + n.queue + " in " + n.region }

// New takes a queue's ARN.
func New(cfg aws.Config, arn string) (*Queue, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[2] != "sqs" || parts[5] == "" {
		return nil, fmt.Errorf("%q is no ARN of a queue", arn)
	}
	n := name{parts[3], parts[4], parts[5]}
	return &Queue{client: in(cfg, n.region), queue: n}, nil
}

func in(cfg aws.Config, region string) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.Region = region })
}

// longest is how long one call may wait.
const longest = 20 * time.Second

// Receive waits for messages, and gives none when none came.
func (q *Queue) Receive(ctx context.Context, wait time.Duration) ([]Message, error) {
	if err := q.find(ctx); err != nil {
		return nil, err
	}
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: int32(min(wait, longest).Seconds()),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		return nil, refused("ReceiveMessage", q.queue, err)
	}
	var all []Message
	for _, m := range out.Messages {
		got := Message{ID: aws.ToString(m.MessageId), Handle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body)}
		if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
			got.Sent = time.UnixMilli(ms)
		}
		all = append(all, got)
	}
	return all, nil
}

// Delete deletes at most ten messages, as many as Receive gives.
func (q *Queue) Delete(ctx context.Context, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	if err := q.find(ctx); err != nil {
		return err
	}
	var entries []types.DeleteMessageBatchRequestEntry
	for i, m := range messages {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &m.Handle})
	}
	out, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		return refused("DeleteMessageBatch", q.queue, err)
	}
	if n := len(out.Failed); n > 0 {
		return fmt.Errorf("sqs:DeleteMessage of %s: %d of %d messages: %s", q.queue, n, len(messages), awserr.OneLine(aws.ToString(out.Failed[0].Code)))
	}
	return nil
}

// find asks for the queue's URL, once.
func (q *Queue) find(ctx context.Context) error {
	if q.url != "" {
		return nil
	}
	url, err := url(ctx, q.client, q.queue)
	q.url = url
	return err
}

func url(ctx context.Context, client *sqs.Client, n name) (string, error) {
	out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &n.queue, QueueOwnerAWSAccountId: &n.account})
	if err != nil {
		return "", refused("GetQueueUrl", n, err)
	}
	return aws.ToString(out.QueueUrl), nil
}

// Depths asks queues of an account, in any Region of its partition.
type Depths struct {
	cfg     aws.Config
	account string
}

// NewDepths takes the configuration of any Region.
func NewDepths(cfg aws.Config, account string) Depths { return Depths{cfg, account} }

// Depth is about how many messages a queue has to give (SQS API reference,
// ApproximateNumberOfMessages).
func (d Depths) Depth(ctx context.Context, region, queue string) (int, error) {
	client, n := in(d.cfg, region), name{region, d.account, queue}
	url, err := url(ctx, client, n)
	if err != nil {
		return 0, err
	}
	const depth = types.QueueAttributeNameApproximateNumberOfMessages
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{depth}})
	if err != nil {
		return 0, refused("GetQueueAttributes", n, err)
	}
	count, err := strconv.Atoi(out.Attributes[string(depth)])
	if err != nil || count < 0 {
		return 0, errors.New("sqs:GetQueueAttributes of " + n.String() + ": the answer has no number")
	}
	return count, nil
}

func refused(action string, n name, err error) error {
	return fmt.Errorf("sqs:%s of %s: %s", action, n, awserr.Code(err))
}
