package pages

import (
	"regexp"
	"strings"
)

// Other says of lines what becomes of them outside TestPagesRun: one of Runs, Does, CI and
// Why is said.
type Other struct {
	Lines []string // each the whole line, in which * is any text
	Runs  string   // the test that runs it, with names of its own for the page's
	Does  string   // the test that does the same, in other words
	CI    string   // the line of .ci/run that runs it
	Why   string   // why nothing runs it
	Row   string   // words of the row of docs/live-checks.md whose command shows it on an account
}

// Matches tells that the entry speaks of a line.
func (o Other) Matches(l Line) bool {
	for _, pattern := range o.Lines {
		if Like(pattern, l.Text) {
			return true
		}
	}
	return false
}

// Like tells that a line is as a pattern has it.
func Like(pattern, text string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`)
	return regexp.MustCompile(`(?s)^` + quoted + `$`).MatchString(text)
}

// Elsewhere has one entry for each line whose Place is Peers.
var Elsewhere = []Other{
	{Lines: []string{"make test"}, CI: "time make test"},
	{Lines: []string{"make build"}, Runs: "TestPagesInAClone"}, // the others use what it makes
	{Lines: []string{"make demo", "make synth", "make destroy-dry-run"}, Runs: "TestPagesInAClone"},
	{Lines: []string{
		"make diff-offline", "rm -rf bin/before bin/old.out && mkdir -p bin/before && git -C ../private archive main *", "diff bin/before.txt bin/after.txt *",
		"make synth ARGS='-c config=bin/before/mfawatch.yaml' && cp -r cdk.out bin/old.out", "make diff-offline OLD=bin/old.out ARGS='-c config=../private/mfawatch.yaml'",
	}, Runs: "TestPagesInAClone"},
	{Lines: []string{`make cdk ARGS="bootstrap *"`, "make deploy", "make diff", "make cdk ARGS='destroy --all'"}, Does: "TestDeploy"},
	{Lines: []string{"make cdk ARGS='import mfawatch-data --resource-mapping adopt.json'"}, Why: "moto imports nothing into a stack", Row: "by the printed mapping"},
	{Lines: []string{"make release-dry-run"}, Why: "builds goreleaser and each program twice, a quarter of an hour; TestPublished, TestArchive and TestSigned are about what it does"},

	{Lines: []string{
		"mkdir -p mfa-devices mfa-device login-profile", "while aws iam generate-credential-report *; do sleep 2; done", "aws sts get-caller-identity --output json > *",
		"aws iam get-credential-report *", "aws iam list-organizations-features *", "aws iam get-account-authorization-details *", "aws iam list-virtual-mfa-devices *", "aws iam get-account-summary *",
		"aws iam list-users --query 'Users[].[UserName]' --output text | while read -r user; do*",
	}, Runs: "TestPagesAtMoto"},

	{Lines: []string{"mfawatch breakglass enrol ada-slot --kind yubico-otp *"}, Does: "TestCommandLineAtTheRealDoor"},
	{Lines: []string{"mfawatch breakglass enrol ada-totp --qr *", "mfawatch breakglass enrol ada-yubikey - --grade yubikey-touch *"}, Does: "TestBreakglassEnrol"},
	{Lines: []string{"mfawatch breakglass codes new ada-sheet *", "mfawatch breakglass codes retire ada-sheet *"}, Does: "TestBreakglassSheetIsRetired"},
	{Lines: []string{"mfawatch key reseal --to kms:*"}, Runs: "TestPagesAtMoto"},
	{Lines: []string{"mkdir -p -m 700 ~/.local/state/mfawatch", "age-keygen -o ~/.local/state/mfawatch/identity.txt", "age -d -i identity.txt bundle.age"}, Runs: "TestPagesOfARelease"},

	{Lines: []string{"VAULT_ADDR=* vault read totp/code/aws", "export VAULT_ADDR=*", "vault secrets enable totp", "vault write totp/keys/*", "vault read totp/code/aws", "vault write totp/code/aws code=123456"}, Does: "TestVaultClient"},
	{Lines: []string{"aws-vault exec ada -- aws s3 ls"}, Does: "TestAWSVaultWithMFAProcess"},
	{Lines: []string{"aws s3 ls --profile ops"}, Does: "TestCredentialProcess"},

	{Lines: []string{"ssh-keygen -t ed25519 *"}, Runs: "TestPagesOfARelease"}, // before what it signs
	{Lines: []string{
		"sha256sum --check --ignore-missing checksums.txt", `echo "mfawatch-release $(cat mfawatch-release.pub)" > signers`, "ssh-keygen -Y verify *", "(cd again && sha256sum *",
		"git fetch --tags", "git verify-tag vVERSION", "git checkout vVERSION",
	}, Runs: "TestPagesOfARelease"},
	{Lines: []string{"go mod download"}, Why: "asks the module proxy for every module; each other line of Go asks for those that it needs"},
	{Lines: []string{"go run ./internal/release -out again -version vVERSION"}, Does: "TestReleasedFunctions"},
	{Lines: []string{"gh attestation verify *"}, Why: "asks GitHub and Sigstore about a published release, and there is none"},

	{Lines: []string{"aws cloudformation update-termination-protection *"}, Runs: "TestPagesAtMoto"},
	{Lines: []string{"aws sns confirm-subscription *", "aws stepfunctions start-execution *", "aws cloudwatch describe-alarms *", "aws iam * --user-name mfawatch-probe*"}, Runs: "TestPagesAtMoto"},
	{Lines: []string{"aws lambda invoke * --function-name mfawatch-canary *"}, Why: "moto runs a function in a container only", Row: "The tag comes back within minutes"},
	{Lines: []string{"aws organizations create-policy *", "aws organizations attach-policy *", "aws organizations enable-aws-service-access *"}, Runs: "TestPagesAtMoto"},
	{Lines: []string{"aws cloudformation activate-organizations-access", "aws organizations register-delegated-administrator *", "aws cloudtrail register-organization-delegated-admin *"}, Why: "changes an organisation, by calls or a service that moto does not know"},
	{Lines: []string{"aws cloudformation deploy --stack-name mfawatch-member *"}, Does: "TestTemplates"},
	{Lines: []string{"aws cloudformation list-stack-instances *", "aws cloudformation delete-stack-instances *"}, Runs: "TestPagesAtMoto"},
	{Lines: []string{"aws sqs get-queue-attributes *", "aws kms describe-key *"}, Runs: "TestPagesAtMoto"},
	{Lines: []string{"aws eks *", "kubectl *"}, Why: "wants a cluster", Row: "A user who created a cluster is its administrator"},
	{Lines: []string{"aws cloudtrail lookup-events * --query 'Events[].Username'"}, Why: "moto has no event history", Row: "A user who created a cluster is its administrator"},
	{Lines: []string{"aws events test-event-pattern *"}, Does: "TestEvaluatorAgreesWithMoto"},
	{Lines: []string{"aws logs test-metric-filter *"}, Why: "moto has no filters of logs to test", Row: "CloudWatch Logs takes every deployed filter"},
	{Lines: []string{"aws s3 sync s3://YOUR-TRAIL-BUCKET/AWSLogs ./AWSLogs *"}, Runs: "TestPagesAtMoto"},
}
