//go:build acceptance

package acceptance

// lintReasons are what cfn-lint says that stands. The one error is its own.
var lintReasons = []reasoned{
	{"E3601", []string{"audit/AuditMachine"}, "cfn-lint knows the partition aws alone; GovCloud's integrations are arn:aws-us-gov:states:::… (Step Functions developer guide, GovCloud)"},
	{"W3037", []string{"enforcement/EnforceMFA"}, "cfn-lint's list of actions is older than signin:Authenticate of June 2026 (service authorization reference, AWS Signin)"},
}

const (
	outsideVPC  = "it calls AWS's own endpoints and nothing of a network of ours: in a VPC it would need endpoints or a way to the internet, and would be one more thing that can be cut off"
	isAnEnd     = "it is where others end, by EventBridge, SNS or Lambda; the rule looks for queues alone. Its own end is a person, whom an alarm calls"
	isTheLog    = "S3 delivers access logs into no bucket with a key of KMS by default, and a bucket that logs itself never ends (S3 user guide, server access logging)"
	notAsked    = "nobody asked for Object Lock in the file, and it cannot be undone: trail.create.object_lock asks for it"
	noLock      = "CloudTrail's files are the authority; Object Lock is offered for those (trail.create.object_lock), and S3 logs into no locked bucket"
	noListener  = "nothing here acts on new objects; what is written is read on a schedule"
	ownKey      = "encrypted by SQS's own key: a key of KMS would be one more thing that can keep a message from arriving. The check looks for KMS alone"
	fence       = "a permissions boundary grants nothing and must allow everything that it does not refuse (IAM user guide, permissions boundaries)"
	boundedHere = "a queue's mapping bounds it (maximum concurrency 10), or its schedule does; reserving some of a new account's ten is refused, and zero is a switch to turn it off unseen"
	keptHere    = "what fails is kept: of the queue in its dead-letter queue, of the schedule by the destination on failure, which says why as well (Lambda developer guide)"
)

// towerReasons are what Control Tower's proactive controls find.
var towerReasons = []reasoned{
	{"cloud_trail_cloud_watch_logs_enabled_check", []string{"trail/Trail"}, "a log group costs by the gigabyte: trail.create.log_group makes one, and is there by default"},
	{"athena_workgroup_results_encrypted_at_rest_kms_check", []string{"audit/WorkGroup"}, "they are encrypted, with the key of another stack; the control takes an ARN or a key of the same template"},
	{"step_functions_state_machine_tracing_enabled_check", []string{"audit/AuditMachine"}, "each step is one function whose log says what it did and how long it took; traces would be a third place for the same"},
	{"cloud_trail_encryption_enabled_check", []string{"trail/Trail"}, "it is encrypted, with the key of another stack; the control takes an ARN or a key of the same template"},
	{"iam_managed_policy_no_statements_with_admin_access_check", []string{"enforcement/EnforceMFA"}, fence},
	{"iam_managed_policy_no_statements_with_full_access_check", []string{"enforcement/EnforceMFA"}, fence},
	{"lambda_inside_vpc_check", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction", "breakglass/BreakglassFunction"}, outsideVPC},
	{"iam_user_no_policies_check", []string{"breakglass/BreakglassCallersPolicy"}, "each user is one person's, whom the rules name; a group would let in whoever is put into it later, and be a second list to watch"},
	{"s3_bucket_default_encryption_kms_check", []string{"data/AccessBucket"}, isTheLog},
	{"s3_bucket_logging_enabled_check", []string{"data/AccessBucket"}, isTheLog},
	{"s3_bucket_object_lock_enabled_check", []string{"data/AccessBucket", "data/EvidenceBucket", "data/ReportsBucket"}, noLock},
	{"s3_bucket_object_lock_enabled_check", []string{"data/TrailBucket"}, notAsked},
	{"s3_event_notifications_enabled_check", []string{"data/AccessBucket", "data/EvidenceBucket", "data/ReportsBucket", "data/TrailBucket", "breakglass-data/RecordBucket"}, noListener},
	{"sqs_dlq_check", []string{"data/AlertsDeadQueue", "detection/RulesDeadQueue", "detection/SchedulesDeadQueue", "forward-us-east-1/RulesDeadQueue", "forward-us-east-2/RulesDeadQueue", "forward-us-gov-east-1/RulesDeadQueue", "member/RulesDeadQueue"}, isAnEnd},
}

// checkovReasons are the checks of checkov that do not fit.
var checkovReasons = []reasoned{
	{"CKV_AWS_109", []string{"enforcement/EnforceMFA"}, fence},
	{"CKV_AWS_111", []string{"enforcement/EnforceMFA"}, fence},
	{"CKV_AWS_115", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction"}, boundedHere},
	{"CKV_AWS_116", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction", "breakglass/BreakglassFunction"}, keptHere},
	{"CKV_AWS_117", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction", "breakglass/BreakglassFunction"}, outsideVPC},
	{"CKV_AWS_18", []string{"data/AccessBucket"}, isTheLog},
	{"CKV_AWS_27", []string{
		"data/AlertsDeadQueue", "detection/CanaryDeadQueue", "detection/CanaryQueue", "detection/RulesDeadQueue", "detection/SchedulesDeadQueue", "detection/SignInsDeadQueue", "detection/SignInsQueue",
		"forward-us-east-1/RulesDeadQueue", "forward-us-east-2/RulesDeadQueue", "forward-us-gov-east-1/RulesDeadQueue", "member/RulesDeadQueue",
	}, ownKey},
}
