package deployed

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

var roleARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}):role/([A-Za-z0-9+=,.@_-]+)$`)

// Emergency is the rule about the use of an emergency role: every session of it, and
// every attempt that was refused. No judge reads these events, its target is the
// topic itself. AssumeRole is a read-only event to EventBridge (user guide,
// management events), and STS writes it in the Region that was asked.
//
// The role is looked for in four places, because a refused call has no request
// parameters, and the console writes SwitchRole. How CloudTrail fills them is not
// verified (docs/live-checks.md).
func Emergency(roles ...string) (Rule, error) {
	var session, named []any
	for _, role := range roles {
		parts := roleARN.FindStringSubmatch(role)
		if parts == nil {
			return Rule{}, fmt.Errorf("role %q is no ARN of a role without a path", role)
		}
		session = append(session, begins("arn:"+parts[1]+":sts::"+parts[2]+":assumed-role/"+parts[3]+"/"))
		named = append(named, ends(role))
	}
	pattern, err := json.Marshal(object{
		"source": []string{"aws.sts", "aws.signin"},
		"detail": object{"$or": []object{
			{"eventName": []string{"AssumeRole"}, "requestParameters": object{"roleArn": roles}},
			{"eventName": []string{"AssumeRole"}, "responseElements": object{"assumedRoleUser": object{"arn": session}}},
			{"eventName": []string{"AssumeRole"}, "errorMessage": named},
			{"eventName": []string{"SwitchRole"}, "userIdentity": object{"arn": session}},
		}},
	})
	if err != nil {
		return Rule{}, fmt.Errorf("pattern of %s: %w", strings.Join(roles, ", "), err)
	}
	return Rule{
		Name: "break-glass-use", State: EnabledWithRead, Regions: EveryRegion, Pattern: string(pattern), Input: emergencyInput(roles),
		Purpose: "The emergency role assumed, by a call or in the console, or an attempt that was refused.",
	}, nil
}

// emergencyInput makes one text of an event, as monitorInput does. The event itself
// holds the session's token (CloudTrail user guide, AssumeRole), so nobody is sent
// the whole of it.
func emergencyInput(roles []string) *Input {
	in := &Input{
		Paths: map[string]string{
			"event": "$.detail.eventName", "who": "$.detail.userIdentity.arn", "at": "$.detail.eventTime", "account": "$.account", "region": "$.region",
			"address": "$.detail.sourceIPAddress", "error": "$.detail.errorCode", "id": "$.detail.eventID",
		},
		Template: `{"version":"1.0","source":"custom","content":{"textType":"client-markdown",
"title":"The emergency role was used, or somebody tried: <event>",
"description":"Role: ` + strings.Join(roles, ", ") + `. Who: <who>. When: <at>. Where: account <account>, <region>, from <address>. Refused: <error> (empty: it was not). Event <id>.",
"nextSteps":["Ask that person now, by another way than this one.","Nobody knows of it: treat the credentials as stolen and end the role's sessions (IAM console, Revoke sessions)."]}}`,
	}
	if len(roles) > 1 { // which of them, the event says where it was not refused
		in.Paths["role"] = "$.detail.requestParameters.roleArn"
		in.Template = strings.Replace(in.Template, "Role: ", "Role: <role> (empty: it does not say), of ", 1)
	}
	return in
}
