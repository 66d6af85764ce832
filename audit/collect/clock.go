package collect

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// clock tells AWS's time. What is read is held against the time at which AWS
// made the credential report, and this machine's clock may be far off: the SDK
// signs with a corrected one and says nothing.
//
// Every answer's Date header holds AWS's time, cut to the second (RFC 9110,
// Date), between the sending of the question and the arrival of the answer. So
// each answer bounds how far AWS's clock is ahead; where no answer says that
// they differ, and where none has a Date, it is this machine's clock unchanged.
type clock struct {
	local func() time.Time
	began time.Time

	mu          sync.Mutex
	known       bool
	least, most time.Duration // AWS's clock is ahead by at least, and by less than
}

func newClock(local func() time.Time) *clock {
	if local == nil {
		local = time.Now
	}
	return &clock{local: local, began: local()}
}

// machine is what this machine's clock showed at the beginning, and the time
// since: time.Time counts that steadily, whoever sets the clock meanwhile.
func (c *clock) machine() time.Time { return c.began.Add(c.local().Sub(c.began)).UTC() }

// now is AWS's time, or a little less: nothing is dated younger than it is.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.machine()
	if !c.known || c.least <= 0 && 0 <= c.most {
		return at
	}
	return at.Add(c.least)
}

// heard has the answers to a configuration's clients tell the time.
func (c *clock) heard(cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), c.listen)
	return cfg
}

func (c *clock) listen(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("TellTime", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		sent := c.machine()
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if answer, ok := out.RawResponse.(*smithyhttp.Response); ok {
			c.answered(sent, c.machine(), answer.Header)
		}
		return out, metadata, err
	}), middleware.Before)
}

// answered takes an answer's Date in. One with an Age was kept by a cache, and
// its Date is of another day. An answer that cannot agree with those before
// stands alone: the machine slept meanwhile, and counted no time.
func (c *clock) answered(sent, received time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	least, most := date.Sub(received), date.Add(time.Second).Sub(sent)
	if c.known && max(c.least, least) <= min(c.most, most) {
		least, most = max(c.least, least), min(c.most, most)
	}
	c.known, c.least, c.most = true, least, most
}
