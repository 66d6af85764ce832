package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// makeForwards makes a small stack in every other Region: the same rules, whose
// target is the bus at home.
func (b *builder) makeForwards(after awscdk.Stack) {
	for _, region := range b.d.Regions {
		if region != b.home {
			b.makeForward(region, after)
		}
	}
}

func (b *builder) makeForward(region string, after awscdk.Stack) {
	s := b.stack("forward-"+region, region, "sends sign-ins and changes of this Region to "+b.home, after)
	b.makeDeadLetters(s, "rules-dead", "events.amazonaws.com", b.rule(region, "", b.prefix+"-*"))
	for _, r := range b.on(region) {
		b.makeRule(s, r, "")
	}
}
