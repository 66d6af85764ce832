package deployed

import (
	"encoding/json"
	"fmt"
)

// stackSets begins the name of the role as which CloudFormation deploys to member
// accounts (StackSets with trusted access; CloudFormation user guide, not verified).
const stackSets = "stacksets-exec-"

// MemberChanges is the rule of a member account about what stands there: its rules
// and their targets, and its roles, changed or taken apart by anybody but the
// StackSet itself. What it sends home is told there by monitor-rules and
// monitor-policies, which look at names and not at accounts.
func MemberChanges(prefix string) (Rule, error) {
	if !ownName.MatchString(prefix) {
		return Rule{}, fmt.Errorf("prefix %q: wants three letters, digits or hyphens at least", prefix)
	}
	named := Own{Prefix: prefix}.named()
	pattern, err := json.Marshal(object{
		"source": []string{"aws.events", "aws.iam"},
		"detail": object{
			"errorCode":    []any{object{"exists": false}},
			"userIdentity": object{"sessionContext": object{"sessionIssuer": object{"userName": []any{object{"anything-but": begins(stackSets)}, object{"exists": false}}}}},
			"$or": []object{
				call("name", named, "PutRule", "DisableRule", "DeleteRule"),
				call("rule", named, "PutTargets", "RemoveTargets"),
				call("roleName", named, "DeleteRole", "PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy", "DetachRolePolicy", "UpdateAssumeRolePolicy", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
			},
		},
	})
	if err != nil {
		return Rule{}, fmt.Errorf("pattern of %s: %w", prefix, err)
	}
	return Rule{
		Name: "member-changes", State: Enabled, Regions: EveryRegion, Pattern: string(pattern),
		Purpose: "In a member account: mfawatch's own rules, targets or roles changed or taken apart, by calls that succeeded and that no StackSet made.",
	}, nil
}
