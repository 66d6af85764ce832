package deployed

import (
	"encoding/json"
	"fmt"
)

// CanarySource is the source of the canary's own events: nobody but AWS can send
// as aws.signin. Whoever may put events on the bus can send as this one, so it
// proves that the path works and never that somebody signed in.
const CanarySource = "mfa.canary"

// CanaryDetailType is the type of the canary's events.
const CanaryDetailType = "mfawatch canary"

// CanaryTag is the key of the tag by which the canary tries CloudTrail.
const CanaryTag = "mfawatch-canary"

// CanaryTarget is the name of the role that is tagged. Nobody can assume it.
func CanaryTarget(prefix string) string { return prefix + "-canary-target" }

// DeadRules is the name of the queue for events that a rule's target did not
// take, in each Region.
func DeadRules(prefix string) string { return prefix + "-rules-dead" }

// CanaryDetail is an event's detail such as the canary sends: the shape of the
// sign-in that must never go unseen, so that the rule which brings that one
// brings this one too, and a nonce to know it by.
func CanaryDetail(nonce string) []byte {
	text, _ := json.Marshal(object{ // texts alone cannot fail
		"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "userIdentity": object{"type": "IAMUser"},
		"responseElements": object{"ConsoleLogin": "Success"}, "additionalEventData": object{"MFAUsed": "No"}, "nonce": nonce,
	})
	return text
}

// CanaryTrail is the rule that brings back the canary's tag: a true event of
// CloudTrail, whose target is the canary's queue. No judge reads it.
func CanaryTrail(prefix string) (Rule, error) {
	if !ownName.MatchString(prefix) {
		return Rule{}, fmt.Errorf("prefix %q: wants two letters, digits or hyphens at least", prefix)
	}
	pattern, _ := json.Marshal(object{"source": []string{"aws.iam"}, "detail": object{ // texts alone cannot fail
		"eventSource": []string{"iam.amazonaws.com"}, "eventName": []string{"TagRole"},
		"requestParameters": object{"roleName": []string{CanaryTarget(prefix)}}, "errorCode": []any{object{"exists": false}},
	}})
	return Rule{
		Name: "canary-trail", State: Enabled, Regions: HomeRegion, Pattern: string(pattern),
		Purpose: "The tag that the canary puts on a role of its own: that it comes back proves the way from CloudTrail to EventBridge.",
	}, nil
}
