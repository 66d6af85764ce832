package enforce

import (
	"slices"
	"strings"
)

// RCPServices are the prefixes of the services that resource control policies
// reach, in order (Organizations user guide, list of AWS services that support
// RCPs, as of 26 September 2026; the list grows).
func RCPServices() []string { return slices.Clone(rcpServices) }

var rcpServices = strings.Fields(`
aoss appconfig appstream autoscaling autoscaling-plans budgets clouddirectory cloudfront cloudsearch cloudtrail-data
codeartifact codebuild codecommit codepipeline cognito-identity cognito-idp comprehend comprehendmedical
compute-optimizer cost-optimization-hub dax dsql dynamodb ecr ecr-public events firehose fis fms gamelift health
inspector-scan kendra kinesisvideo kms logs memorydb networkmonitor notifications opensearch pca-connector-ad
personalize polly pricing resource-groups rolesanywhere s3 secretsmanager servicediscovery signin sqs sts support swf
textract timestream-influxdb transcribe transfer translate wafv2 workspaces xray`)

// reaches leaves open what a resource control policy denies of a service that is
// not listed. The one call of a listed service that none reaches is of the same page.
func (e *evaluation) reaches(denied Tri, reasons []Reason) (Tri, []Reason) {
	action := strings.ToLower(e.request.Action)
	if action == "kms:retiregrant" {
		return No, nil
	}
	service, _, _ := strings.Cut(action, ":")
	if denied != Yes || slices.Contains(rcpServices, service) {
		return denied, reasons
	}
	for i := range reasons {
		reasons[i].Certain = false
		reasons[i].Text += ", if resource control policies reach " + service
	}
	return Maybe, reasons
}
