// Package deployed holds the filters that mfawatch deploys, as data: the
// EventBridge rules of the fast path and the CloudWatch metric filters of the
// compliance path.
//
// It promises that its tests run every one of them over every case of
// audit/signin and audit/detect: no record that alerts is missed by the rules,
// what they match beyond that is counted and bounded, and every metric filter
// counts the cases that its name says or differs from them by a written list.
// It knows no AWS client and makes nothing: infra puts these texts into stacks.
package deployed

// The states of a rule. The second is needed for read-only management events,
// and on both rules where one forwards to another (EventBridge user guide,
// management events).
const (
	Enabled         = "ENABLED"
	EnabledWithRead = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
)

// Regions says where a rule is needed.
type Regions string

// Sign-ins land in the Region of their endpoint; IAM's events are written in the
// partition's home Region alone; what the stacks made is where they stand.
const (
	EveryRegion Regions = "every"
	HomeRegion  Regions = "home"
	StackRegion Regions = "stacks"
)

// Rule is one EventBridge rule.
type Rule struct {
	Name    string
	Purpose string
	Pattern string
	State   string
	Regions Regions
	Serves  []string // ids of detections; "verdict": sign-ins are judged
	OptIn   string   // when to deploy it; "": always
	Canary  bool     // accepts CanarySource too
	Input   *Input   // what the target gets; nil: the event
}

// Input is an input transformer: paths into the event by variable, and the text
// that they are put into (EventBridge user guide, input transformation).
type Input struct {
	Paths    map[string]string
	Template string
}

// Rules are the rules of the fast path.
//
// None names a detail-type: AWS's own pages spell it three ways. None uses a
// wildcard or null: how complex wildcards may be is not documented, and
// CloudFormation takes no null.
func Rules() []Rule {
	return append(signInRules(), changeRules()...)
}

func signInRules() []Rule {
	return []Rule{
		{
			Name: "sign-in-console", State: Enabled, Regions: EveryRegion, Serves: []string{"verdict", "root-sign-in"}, Canary: true,
			Purpose: "Console sign-ins that alert: root whatever its factors, an IAM user unless MFAUsed is Yes, an identity never met, an outcome that is neither Success nor Failure or not there.",
			Pattern: `{"source":["aws.signin","mfa.canary"],"detail":{"eventSource":["signin.amazonaws.com","signin.amazonaws.com.cn"],"eventName":["ConsoleLogin"],"$or":[` +
				`{"responseElements":{"ConsoleLogin":[{"anything-but":["Success","Failure"]},{"exists":false}]}},` +
				`{"responseElements":{"ConsoleLogin":["Success"]},"userIdentity":{"type":[{"anything-but":["IAMUser","AssumedRole","FederatedUser","SAMLUser","WebIdentityUser"]},{"exists":false}]}},` +
				`{"responseElements":{"ConsoleLogin":["Success"]},"userIdentity":{"type":["IAMUser"]},"additionalEventData":{"MFAUsed":[{"anything-but":["Yes","YES"]},{"exists":false}]}}]}}`,
		}, {
			Name: "sign-in-portal", State: Enabled, Regions: EveryRegion, Serves: []string{"verdict", "portal-device-registered"},
			Purpose: "Identity Center sign-ins that did not fail. Which factors they had is a list in one text, which only a wildcard could tell apart: the function does.",
			Pattern: `{"source":["aws.signin","aws.sso"],"detail":{"eventSource":["signin.amazonaws.com","signin.amazonaws.com.cn"],"eventName":["UserAuthentication"],` +
				`"serviceEventDetails":{"UserAuthentication":[{"anything-but":"Failure"},{"exists":false}]}}}`,
		}, {
			Name: "sign-in-unreadable", State: Enabled, Regions: EveryRegion, Serves: []string{"verdict"},
			Purpose: "Sign-ins whose record is of another shape than the one known: a newer eventVersion, another or no eventSource, no eventName.",
			Pattern: `{"source":["aws.signin","aws.sso"],"detail":{"$or":[` +
				`{"eventName":["ConsoleLogin","UserAuthentication"],"eventVersion":[{"anything-but":{"prefix":"1."}}]},` +
				`{"eventName":["ConsoleLogin","UserAuthentication"],"eventSource":[{"anything-but":["signin.amazonaws.com","signin.amazonaws.com.cn"]},{"exists":false}]},` +
				`{"eventName":[{"exists":false}],"eventSource":[{"prefix":"signin."}]}]}}`,
		}, {
			Name: "sign-in-all", State: Enabled, Regions: EveryRegion, Serves: []string{"verdict"},
			OptIn:   "the rules file makes a reason alert that does not by default, such as role-session",
			Purpose: "Every sign-in, failures and sessions of providers included.",
			Pattern: `{"source":["aws.signin","aws.sso"],"detail":{"eventName":["ConsoleLogin","UserAuthentication"]}}`,
		},
	}
}

func changeRules() []Rule {
	return []Rule{
		{
			Name: "factor-changes", State: Enabled, Regions: HomeRegion,
			Serves: []string{
				"mfa-deactivated", "mfa-deactivated-for-other", "mfa-device-deleted", "mfa-device-created", "mfa-enabled", "mfa-enabled-for-other", "mfa-resynced", "mfa-resynced-for-other",
				"login-profile-created-for-other", "login-profile-changed-for-other", "root-login-profile-changed",
			},
			Purpose: "Factors and console passwords given, taken or changed in IAM, by calls that succeeded.",
			Pattern: `{"source":["aws.iam"],"detail":{"eventSource":["iam.amazonaws.com"],"eventName":["CreateVirtualMFADevice","EnableMFADevice","ResyncMFADevice","DeactivateMFADevice","DeleteVirtualMFADevice","CreateLoginProfile","UpdateLoginProfile","DeleteLoginProfile"],"errorCode":[{"exists":false}]}}`,
		}, {
			Name: "assume-root", State: EnabledWithRead, Regions: EveryRegion, Serves: []string{"assume-root", "assume-root-audit"},
			Purpose: "Root sessions taken in member accounts. Its sister AssumeRole is a read-only event; whether AssumeRoot is, AWS's list does not say, so the state brings it either way.",
			Pattern: `{"source":["aws.sts"],"detail":{"eventSource":["sts.amazonaws.com"],"eventName":["AssumeRoot"],"errorCode":[{"exists":false}]}}`,
		}, {
			Name: "trail-changes", State: Enabled, Regions: EveryRegion, Serves: []string{"trail-stopped", "trail-deleted", "trail-narrowed", "trail-bucket-set", "trail-selectors-narrowed"},
			Purpose: "Trails stopped, deleted or changed, by calls that succeeded.",
			Pattern: `{"source":["aws.cloudtrail"],"detail":{"eventSource":["cloudtrail.amazonaws.com"],"eventName":["StopLogging","DeleteTrail","UpdateTrail","PutEventSelectors"],"errorCode":[{"exists":false}]}}`,
		}, {
			Name: "sign-in-changes", State: Enabled, Regions: EveryRegion,
			Serves:  []string{"root-password-recovery-requested", "root-password-recovery-completed", "root-password-updated", "root-email-updated", "sign-in-policy-changed", "console-authorization-changed"},
			Purpose: "Root's password and e-mail address, and who may sign in from where.",
			Pattern: `{"source":["aws.signin"],"detail":{"eventSource":["signin.amazonaws.com"],"eventName":["PasswordRecoveryRequested","PasswordRecoveryCompleted","PasswordUpdated","EmailUpdated","PutResourcePermissionStatement","DeleteResourcePermissionStatement","PutConsoleAuthorizationConfiguration","DeleteConsoleAuthorizationConfiguration"],"errorCode":[{"exists":false}]}}`,
		}, {
			Name: "client-credentials", State: EnabledWithRead, Regions: EveryRegion, Serves: []string{"oauth-client-credentials"},
			Purpose: "OAuth tokens got with credentials alone: read-only events. It alerts by default when root did it.",
			Pattern: `{"source":["aws.signin"],"detail":{"eventSource":["signin.amazonaws.com"],"errorCode":[{"exists":false}],"$or":[` +
				`{"eventName":["CreateOAuth2TokenWithIAM"]},{"eventName":["CreateOAuth2Token"],"additionalEventData":{"grant_type":["client_credentials"]}},{"eventName":["CreateOAuth2Token"],"requestParameters":{"grant_type":["client_credentials"]}}]}}`,
		},
	}
}
