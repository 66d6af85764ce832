package corpus

// serviceList is one service a line: its name, its weight, and after the bar
// the parameters that its operations share. Its operations follow, indented, the
// frequent ones first. Names that judgements read (sign-ins, MFA devices,
// sessions, trails) are not here: scenes and assumeRole make them, counted.
const serviceList = `
ec2 170 | "<pick instancesSet|volumeSet|networkInterfaceIdSet>":{"items":[{"id":"<instance>"}]}
	DescribeInstances DescribeInstanceStatus DescribeVolumes DescribeNetworkInterfaces DescribeSecurityGroups DescribeSubnets DescribeVpcs DescribeTags DescribeImages DescribeSnapshots DescribeRegions DescribeAvailabilityZones DescribeAddresses DescribeRouteTables DescribeLaunchTemplates DescribeInstanceTypes DescribeVolumeStatus DescribeInternetGateways DescribeNatGateways DescribeKeyPairs RunInstances CreateTags TerminateInstances CreateNetworkInterface DeleteNetworkInterface AttachVolume CreateVolume CreateSnapshot AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress StartInstances StopInstances ModifyInstanceAttribute CreateSecurityGroup
kms 150 | "keyId":"arn:aws:kms:<region>:<account>:key/<cmk>"
	Decrypt GenerateDataKey Encrypt DescribeKey GenerateDataKeyWithoutPlaintext ReEncrypt ListAliases GetKeyPolicy GetKeyRotationStatus ListKeys ListResourceTags CreateGrant RetireGrant Sign
s3 120 | "bucketName":"<bucket>","Host":"<same>.s3.<region>.amazonaws.com"
	GetBucketAcl ListBuckets GetBucketLocation GetBucketPolicy GetBucketPolicyStatus GetBucketEncryption GetBucketPublicAccessBlock GetBucketVersioning GetBucketLogging GetBucketTagging GetBucketLifecycle GetBucketReplication HeadBucket GetAccountPublicAccessBlock GetBucketNotification GetBucketCors GetBucketWebsite GetBucketOwnershipControls PutBucketPolicy PutBucketTagging PutBucketLifecycle CreateBucket PutBucketEncryption
sts 45 | "<pick source|caller>":"<name>"
	GetCallerIdentity AssumeRoleWithWebIdentity DecodeAuthorizationMessage GetAccessKeyInfo
lambda 70 | "functionName":"arn:aws:lambda:<region>:<account>:function:<fn>"
	GetFunction20150331v2 ListFunctions20150331 GetFunctionConfiguration20150331v2 ListTags20170331 GetPolicy20150331v2 ListVersionsByFunction20150331 ListEventSourceMappings20150331 GetFunctionUrlConfig ListAliases20150331 UpdateFunctionConfiguration20150331v2 UpdateFunctionCode20150331v2 PublishVersion20150331 AddPermission20150331v2 CreateFunction20150331
logs 80 | "logGroupName":"/aws/lambda/<fn>"
	CreateLogStream DescribeLogGroups DescribeLogStreams DescribeMetricFilters DescribeSubscriptionFilters GetLogEvents FilterLogEvents ListTagsForResource CreateLogGroup PutRetentionPolicy DescribeResourcePolicies GetQueryResults
monitoring 40 | "alarmNames":["<name>-<pick cpu|errors|latency>"]
	DescribeAlarms ListMetrics GetMetricData DescribeAlarmHistory ListDashboards PutMetricAlarm PutDashboard GetDashboard
ecr 45 | "registryId":"<account>","repositoryName":"<name>"
	GetAuthorizationToken BatchGetImage GetDownloadUrlForLayer BatchCheckLayerAvailability DescribeRepositories DescribeImages ListImages GetRepositoryPolicy GetLifecyclePolicy PutImage InitiateLayerUpload CompleteLayerUpload UploadLayerPart
ecs 40 | "cluster":"<name>","service":"<name>"
	DescribeServices DescribeTasks ListTasks DescribeClusters ListServices DescribeTaskDefinition DescribeContainerInstances SubmitTaskStateChange SubmitContainerStateChange RegisterTaskDefinition UpdateService RunTask StopTask
ssm 60 | "instanceId":"<instance>"
	UpdateInstanceInformation ListInstanceAssociations GetParameters GetParameter GetParametersByPath DescribeInstanceInformation ListAssociations PutInventory GetDeployablePatchSnapshotForInstance DescribeParameters OpenDataChannel StartSession SendCommand PutParameter UpdateInstanceAssociationStatus PutComplianceItems
dynamodb 50 | "tableName":"<name>"
	DescribeTable DescribeContinuousBackups DescribeTimeToLive ListTables ListTagsOfResource DescribeScalableTargets UpdateTable CreateTable UpdateTimeToLive
iam 60 | "roleName":"<role>"
	GetRole ListRoles ListAttachedRolePolicies ListRolePolicies GetRolePolicy GetPolicyVersion ListPolicies GetPolicy ListInstanceProfiles ListRoleTags GetUser ListUsers ListAccessKeys GetAccountSummary GetLoginProfile ListMFADevices GetInstanceProfile GenerateServiceLastAccessedDetails SimulatePrincipalPolicy PutRolePolicy AttachRolePolicy CreateRole UpdateAssumeRolePolicy CreatePolicyVersion TagRole
cloudformation 25 | "stackName":"<name>"
	DescribeStacks DescribeStackEvents ListStackResources GetTemplate DescribeStackResources ListStacks DescribeChangeSet CreateChangeSet ExecuteChangeSet UpdateStack
autoscaling 25 | "autoScalingGroupName":"<name>-asg"
	DescribeAutoScalingGroups DescribeAutoScalingInstances DescribeScalingActivities DescribeLaunchConfigurations DescribePolicies SetDesiredCapacity TerminateInstanceInAutoScalingGroup UpdateAutoScalingGroup
elasticloadbalancing 30 | "loadBalancerArns":["arn:aws:elasticloadbalancing:<region>:<account>:loadbalancer/app/<name>/<hex 16>"]
	DescribeLoadBalancers DescribeTargetHealth DescribeTargetGroups DescribeListeners DescribeRules DescribeTags DescribeLoadBalancerAttributes RegisterTargets DeregisterTargets ModifyTargetGroup
secretsmanager 30 | "secretId":"arn:aws:secretsmanager:<region>:<account>:secret:<name>"
	GetSecretValue DescribeSecret ListSecrets GetResourcePolicy PutSecretValue RotateSecret
sqs 25 | "queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<name>"
	GetQueueAttributes ListQueues GetQueueUrl ListQueueTags CreateQueue SetQueueAttributes PurgeQueue
sns 20 | "topicArn":"arn:aws:sns:<region>:<account>:<name>"
	GetTopicAttributes ListTopics ListSubscriptionsByTopic ListTagsForResource GetSubscriptionAttributes Subscribe SetTopicAttributes
rds 30 | "dBInstanceIdentifier":"<name>"
	DescribeDBInstances DescribeDBClusters DescribeDBSnapshots DescribeEvents ListTagsForResource DescribeDBSubnetGroups DescribeDBParameters CreateDBSnapshot ModifyDBInstance AddTagsToResource
events 20 | "rule":"<name>"
	DescribeRule ListRules ListTargetsByRule ListEventBuses ListRuleNamesByTarget EnableRule PutTargets
cloudtrail 15 | "<pick trailNameList|includeShadowTrails>":"<name>"
	DescribeTrails GetTrailStatus GetEventSelectors ListTrails GetInsightSelectors ListTags
config 35 | "configRuleNames":["<name>"]
	DescribeConfigRules DescribeComplianceByConfigRule PutEvaluations GetComplianceDetailsByConfigRule DescribeConfigurationRecorders DescribeConfigurationRecorderStatus SelectResourceConfig ListDiscoveredResources BatchGetResourceConfig
eks 20 | "name":"<name>"
	DescribeCluster ListClusters ListNodegroups DescribeNodegroup ListAddons DescribeAddon AccessKubernetesApi UpdateNodegroupConfig
route53 15 | "hostedZoneId":"Z<id 20>"
	ListHostedZones ListResourceRecordSets GetHostedZone GetChange ListTagsForResource ChangeResourceRecordSets
cloudfront 8 | "id":"E<id 13>"
	ListDistributions GetDistribution GetDistributionConfig ListTagsForResource CreateInvalidation UpdateDistribution
apigateway 12 | "restApiId":"<hex 10>"
	GetRestApis GetStages GetResources GetDeployments GetDomainNames CreateDeployment UpdateStage
acm 10 | "certificateArn":"arn:aws:acm:<region>:<account>:certificate/<cmk>"
	ListCertificates DescribeCertificate ListTagsForCertificate RequestCertificate
guardduty 12 | "detectorId":"<hex 32>"
	ListDetectors GetDetector ListFindings GetFindings GetMasterAccount ListMembers
securityhub 14 | "hubArn":"arn:aws:securityhub:<region>:<account>:hub/default"
	GetFindings DescribeHub ListEnabledProductsForImport GetEnabledStandards BatchImportFindings BatchUpdateFindings
inspector2 8 | "accountIds":["<account>"]
	ListCoverage BatchGetAccountStatus ListFindings ListAccountPermissions
access-analyzer 8 | "analyzerArn":"arn:aws:access-analyzer:<region>:<account>:analyzer/<name>"
	ListAnalyzers ListFindings GetFinding ValidatePolicy
organizations 8 | "accountId":"<account>"
	DescribeOrganization ListAccounts DescribeAccount ListParents ListPoliciesForTarget ListDelegatedAdministrators
states 14 | "stateMachineArn":"arn:aws:states:<region>:<account>:stateMachine:<name>"
	DescribeStateMachine ListExecutions DescribeExecution ListStateMachines StartExecution UpdateStateMachine
glue 16 | "databaseName":"<name>","tableName":"<name>"
	GetTable GetDatabases GetTables GetPartitions GetJobRuns GetJob GetCrawlers UpdateTable StartJobRun
athena 12 | "workGroup":"<name>"
	GetQueryExecution GetQueryResults ListWorkGroups GetWorkGroup BatchGetQueryExecution StartQueryExecution
kinesis 14 | "streamName":"<name>"
	DescribeStream DescribeStreamSummary ListShards ListStreams ListTagsForStream IncreaseStreamRetentionPeriod
firehose 8 | "deliveryStreamName":"<name>"
	DescribeDeliveryStream ListDeliveryStreams ListTagsForDeliveryStream UpdateDestination
elasticache 8 | "cacheClusterId":"<name>"
	DescribeCacheClusters DescribeReplicationGroups DescribeCacheSubnetGroups ListTagsForResource ModifyReplicationGroup
redshift 6 | "clusterIdentifier":"<name>"
	DescribeClusters DescribeLoggingStatus DescribeClusterSnapshots GetClusterCredentials
es 6 | "domainName":"<name>"
	DescribeElasticsearchDomains ListDomainNames DescribeDomain ListTags UpdateDomainConfig
elasticmapreduce 6 | "clusterId":"j-<id 13>"
	ListClusters DescribeCluster ListInstances ListSteps AddJobFlowSteps
sagemaker 8 | "endpointName":"<name>"
	ListEndpoints DescribeEndpoint ListNotebookInstances DescribeTrainingJob ListModels CreateTrainingJob
bedrock 8 | "modelId":"vendor.model-<num 9>"
	InvokeModel ListFoundationModels GetModelInvocationLoggingConfiguration Converse
codebuild 8 | "names":["<name>"]
	BatchGetBuilds BatchGetProjects ListProjects ListBuildsForProject StartBuild
codepipeline 8 | "name":"<name>"
	GetPipelineState ListPipelines PollForJobs GetPipeline PutJobSuccessResult StartPipelineExecution
codecommit 4 | "repositoryName":"<name>"
	GetRepository ListRepositories GetBranch GitPull
codedeploy 4 | "applicationName":"<name>"
	ListDeployments GetDeployment PutLifecycleEventHookExecutionStatus CreateDeployment
cognito-idp 6 | "userPoolId":"<region>_<id 9>"
	DescribeUserPool ListUserPools ListUsers AdminGetUser UpdateUserPool
backup 8 | "backupVaultName":"<name>"
	ListBackupJobs DescribeBackupVault ListBackupPlans ListRecoveryPointsByBackupVault StartBackupJob
batch 5 | "jobQueue":"<name>"
	DescribeJobQueues DescribeJobs ListJobs DescribeComputeEnvironments SubmitJob
elasticfilesystem 5 | "fileSystemId":"fs-<hex 17>"
	DescribeFileSystems DescribeMountTargets DescribeAccessPoints NewClientConnection
tagging 8 | "resourcesPerPage":100,"tagFilters":<tags 2>
	GetResources GetTagKeys GetTagValues
servicequotas 5 | "serviceCode":"ec2"
	ListServiceQuotas GetServiceQuota ListServices
support 5 | "language":"en"
	DescribeTrustedAdvisorChecks DescribeTrustedAdvisorCheckResult RefreshTrustedAdvisorCheck
health 10 | "filter":{"regions":["<region>"]}
	DescribeEventAggregates DescribeEvents DescribeAffectedEntities
budgets 4 | "accountId":"<account>"
	DescribeBudgets ViewBudget
ce 5 | "granularity":"DAILY","metrics":["UnblendedCost"]
	GetCostAndUsage GetReservationUtilization GetDimensionValues
wafv2 6 | "scope":"REGIONAL","id":"<uuid>"
	ListWebACLs GetWebACL GetLoggingConfiguration ListResourcesForWebACL UpdateIPSet
network-firewall 3 | "firewallName":"<name>"
	ListFirewalls DescribeFirewall DescribeFirewallPolicy
transfer 4 | "serverId":"s-<hex 17>"
	ListServers DescribeServer ListUsers TestIdentityProvider
workspaces 3 | "workspaceIds":["ws-<id 9>"]
	DescribeWorkspaces DescribeWorkspaceDirectories DescribeTags
`

// texts are the JSON texts of an operation. The empty text is null, or nothing
// for extra and resources, which bring their comma.
type texts struct{ request, response, extra, resources string }

// ownTexts are the operations that make up most bytes, or that carry what is
// hard for a scanner: policies as JSON text in a string, base64, deep objects.
func ownTexts() map[string]texts {
	const keyResource = `"resources":[{"accountId":"<account>","type":"AWS::KMS::Key","ARN":"arn:aws:kms:<region>:<account>:key/<cmk>"}],`
	const s3Extra = `"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":<num 9000>,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<b64 76>","bytesTransferredOut":<num 9000>},`
	const s3Resource = `"resources":[{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}],`
	kms := texts{request: `{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::<bucket>/<name>/<pick 2026/11/16|2026/11/17|2026/11/18>/part-<hex 12>.parquet"},"keyId":"arn:aws:kms:<region>:<account>:key/<cmk>","encryptionAlgorithm":"SYMMETRIC_DEFAULT","keySpec":"AES_256"}`, resources: keyResource}
	acl := texts{request: `{"bucketName":"<bucket>","Host":"<same>.s3.<region>.amazonaws.com","acl":""}`, extra: s3Extra, resources: s3Resource}
	return map[string]texts{
		"Decrypt": kms, "GenerateDataKey": kms, "GenerateDataKeyWithoutPlaintext": kms,
		"GetBucketAcl": acl, "GetBucketLocation": acl, "GetBucketPolicy": acl, "GetBucketEncryption": acl,
		"PutBucketPolicy": {request: `{"bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"DenyPlain","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::<bucket>","arn:aws:s3:::<same>/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]},"bucketName":"<bucket>","Host":"s3.<region>.amazonaws.com","policy":""}`, extra: s3Extra, resources: s3Resource},
		"PutRolePolicy":   {request: `{"roleName":"<role>","policyName":"<name>","policyDocument":"<policy 16>"}`},
		"CreatePolicyVersion": {request: `{"policyArn":"arn:aws:iam::<account>:policy/<name>","policyDocument":"<policy 20>","setAsDefault":true}`,
			response: `{"policyVersion":{"versionId":"v<num 9>","isDefaultVersion":true,"createDate":"<time>"}}`},
		"CreateRole": {request: `{"roleName":"<role>","assumeRolePolicyDocument":"<policy 2>","description":"made by a pipeline","tags":<tags 5>}`,
			response: `{"role":{"path":"/","roleName":"<role>","roleId":"AROA<id 17>","arn":"arn:aws:iam::<account>:role/<role>","createDate":"<time>","assumeRolePolicyDocument":"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"}}`},
		"UpdateAssumeRolePolicy":  {request: `{"roleName":"<role>","policyDocument":"<policy 3>"}`},
		"SimulatePrincipalPolicy": {request: `{"policySourceArn":"arn:aws:iam::<account>:role/<role>","actionNames":["s3:GetObject","s3:PutObject","kms:Decrypt"],"policyInputList":["<policy 3>","<policy 2>"]}`},
		"AssumeRoleWithWebIdentity": {request: `{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<name>"}`,
			response: `{"credentials":{"accessKeyId":"<key>","sessionToken":"IQoJb3JpZ2luX2VjE<b64 240>==","expiration":"<later>"},"subjectFromWebIdentityToken":"system:serviceaccount:<name>:<name>","assumedRoleUser":{"assumedRoleId":"AROA<id 17>:<name>","arn":"arn:aws:sts::<account>:assumed-role/<role>/<name>"},"provider":"arn:aws:iam::<account>:oidc-provider/oidc.eks.<region>.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF","audience":"sts.amazonaws.com"}`},
		"RunInstances": {request: `{"instancesSet":{"items":[{"imageId":"<ami>","minCount":1,"maxCount":<num 9>}]},"userData":"<removed>","instanceType":"<pick m7g.large|c7i.xlarge|t4g.medium>","blockDeviceMapping":{"items":[{"deviceName":"/dev/xvda","ebs":{"volumeSize":<num 500>,"deleteOnTermination":true,"volumeType":"gp3","encrypted":true}}]},"monitoring":{"enabled":true},"networkInterfaceSet":{"items":[{"deviceIndex":0,"subnetId":"<subnet>","groupSet":{"items":[{"groupId":"<sg>"},{"groupId":"<sg>"}]}}]},"iamInstanceProfile":{"name":"<role>"},"tagSpecificationSet":{"items":[{"resourceType":"instance","tags":<tags 8>}]},"clientToken":"<uuid>"}`,
			response: `{"requestId":"<uuid>","reservationId":"r-0<hex 16>","ownerId":"<account>","instancesSet":{"items":[{"instanceId":"i-0<hex 16>","imageId":"<ami>","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-0-<num 255>-<num 255>.<region>.compute.internal","instanceType":"m7g.large","launchTime":1795000000000,"placement":{"availabilityZone":"<region>a","tenancy":"default"},"subnetId":"<subnet>","vpcId":"<vpc>","privateIpAddress":"10.0.<num 255>.<num 255>","stateReason":{"code":"pending","message":"pending"},"architecture":"arm64","networkInterfaceSet":{"items":[{"networkInterfaceId":"eni-0<hex 16>","subnetId":"<subnet>","macAddress":"0a:<hex 2>:<hex 2>:<hex 2>:<hex 2>:<hex 2>","status":"in-use"}]},"tagSet":{"items":<tags 8>}}]}}`},
		"RegisterTaskDefinition": {request: `{"family":"<name>","networkMode":"awsvpc","cpu":"1024","memory":"2048","containerDefinitions":[{"name":"app","image":"<account>.dkr.ecr.<region>.amazonaws.com/<name>@<digest>","essential":true,"portMappings":[{"containerPort":8080}],"environment":[{"name":"STAGE","value":"<pick prod|stage|dev>"},{"name":"CONFIG","value":"<b64 180>"}],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/ecs/<name>","awslogs-region":"<region>"}}},{"name":"sidecar","image":"public.ecr.aws/example/collector:latest","essential":false}],"executionRoleArn":"arn:aws:iam::<account>:role/<role>"}`,
			response: `{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:<region>:<account>:task-definition/<name>:<num 900>","status":"ACTIVE","revision":<num 900>,"registeredAt":"<time>"}}`},
		"UpdateFunctionConfiguration20150331v2": {request: `{"functionName":"<fn>","environment":{},"layers":["arn:aws:lambda:<region>:<account>:layer:<name>:<num 50>"],"vpcConfig":{"subnetIds":["<subnet>","<subnet>"],"securityGroupIds":["<sg>"]}}`,
			response: `{"functionName":"<fn>","functionArn":"arn:aws:lambda:<region>:<account>:function:<same>","runtime":"provided.al2023","role":"arn:aws:iam::<account>:role/<role>","handler":"bootstrap","codeSize":<num 9000000>,"codeSha256":"<b64 43>=","memorySize":256,"version":"$LATEST","environment":{},"revisionId":"<uuid>","state":"Active","lastUpdateStatus":"InProgress"}`},
		"PutImage":                  {request: `{"registryId":"<account>","repositoryName":"<name>","imageManifest":"{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"application/vnd.docker.distribution.manifest.v2+json\",\n   \"config\": {\n      \"size\": <num 9000>,\n      \"digest\": \"<digest>\"\n   },\n   \"layers\": [\n      {\"size\": <num 99999>, \"digest\": \"<digest>\"},\n      {\"size\": <num 99999>, \"digest\": \"<digest>\"},\n      {\"size\": <num 99999>, \"digest\": \"sha256:<hex 64>\"}\n   ]\n}","imageTag":"<hex 40>"}`},
		"BatchGetImage":             {request: `{"registryId":"<account>","repositoryName":"<name>","imageIds":[{"imageDigest":"<digest>"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.list.v2+json","application/vnd.oci.image.index.v1+json","application/vnd.docker.distribution.manifest.v2+json"]}`},
		"CreateChangeSet":           {request: `{"stackName":"<name>","changeSetName":"cdk-deploy-change-set","capabilities":["CAPABILITY_IAM","CAPABILITY_NAMED_IAM"],"templateURL":"https://s3.<region>.amazonaws.com/<bucket>/<hex 64>.json","tags":<tags 6>,"parameters":[{"parameterKey":"BootstrapVersion","usePreviousValue":true}]}`, response: `{"id":"arn:aws:cloudformation:<region>:<account>:changeSet/cdk-deploy-change-set/<uuid>","stackId":"arn:aws:cloudformation:<region>:<account>:stack/<name>/<uuid>"}`},
		"UpdateStack":               {request: `{"stackName":"<name>","capabilities":["CAPABILITY_IAM"],"templateBody":"<template 110>","tags":<tags 6>}`, response: `{"stackId":"arn:aws:cloudformation:<region>:<account>:stack/<name>/<uuid>"}`},
		"DescribeInstanceStatus":    {request: `{"includeAllInstances":true,"instancesSet":{"items":[<instances 60>]}}`},
		"PutEvaluations":            {request: `{"evaluations":[{"complianceResourceType":"AWS::S3::Bucket","complianceResourceId":"<bucket>","complianceType":"<pick COMPLIANT|NON_COMPLIANT>","orderingTimestamp":"<time>"},{"complianceResourceType":"AWS::EC2::Instance","complianceResourceId":"<instance>","complianceType":"COMPLIANT","orderingTimestamp":"<time>"}],"resultToken":"<b64 400>","testMode":false}`, response: `{"failedEvaluations":[]}`},
		"BatchImportFindings":       {request: `{"findings":[{"schemaVersion":"2018-10-08","id":"arn:aws:securityhub:<region>:<account>:finding/<uuid>","awsAccountId":"<account>","types":["Software and Configuration Checks"],"severity":{"label":"<pick LOW|MEDIUM|HIGH>"},"title":"<name> has an open finding","description":"An invented finding, about as long as real ones are, that says what was found and what to do about it.","resources":[{"type":"AwsS3Bucket","id":"arn:aws:s3:::<bucket>","partition":"aws","region":"<region>","details":{"awsS3Bucket":{"ownerId":"<hex 64>"}}}]}]}`, response: `{"failedCount":0,"successCount":1,"failedFindings":[]}`},
		"StartExecution":            {request: `{"stateMachineArn":"arn:aws:states:<region>:<account>:stateMachine:<name>","name":"<uuid>","input":"{\"detail\":{\"bucket\":\"<bucket>\",\"key\":\"<name>/<hex 16>.json\",\"attempt\":<num 9>,\"note\":\"quoted \\\"text\\\" and a \\\\ in it\"}}"}`, response: `{"executionArn":"arn:aws:states:<region>:<account>:execution:<name>:<uuid>","startDate":"<time>"}`},
		"PutDashboard":              {request: `{"dashboardName":"<name>","dashboardBody":"{\"widgets\":[{\"type\":\"metric\",\"x\":0,\"y\":0,\"width\":12,\"height\":6,\"properties\":{\"metrics\":[[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"<fn>\"],[\"...\",\"<fn>\"]],\"period\":300,\"stat\":\"Sum\",\"region\":\"<region>\",\"title\":\"<name>\"}},{\"type\":\"text\",\"x\":0,\"y\":6,\"width\":12,\"height\":2,\"properties\":{\"markdown\":\"# <name>\\nSee the runbook.\"}}]}"}`},
		"UpdateInstanceInformation": {request: `{"instanceId":"<instance>","agentVersion":"3.3.2746.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.0.<num 255>.<num 255>","computerName":"ip-10-0-<num 255>-<num 255>.<region>.compute.internal","agentName":"amazon-ssm-agent","availabilityZone":"<region>a","sSMConnectionChannel":"ssmmessages"}`},
		"DescribeInstances":         {request: `{"maxResults":1000,"instancesSet":{"items":[<instances 120>]},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"},{"value":"pending"}]}},{"name":"tag:kubernetes.io/cluster/<name>","valueSet":{"items":[{"value":"owned"}]}}]}}`},
		"CreateLogStream":           {request: `{"logGroupName":"/aws/lambda/<fn>","logStreamName":"2026/11/<pick 16|17|18|19|20>/[$LATEST]<hex 32>"}`},
	}
}
