package corpus

import (
	"fmt"
	"slices"
	"strings"
)

// call is one API operation and the text of its record.
type call struct {
	version, source, prefix, name string
	readOnly, global              bool
	userAgent                     string // of a call that always comes from one program
	request, response             template
	extra, resources              template // additionalEventData and resources, each with its comma
}

// envelopeText is a record in the order in which CloudTrail writes its keys.
const envelopeText = `{"eventVersion":"<version>","userIdentity":<identity>,"eventTime":"<time>","eventSource":"<source>","eventName":"<event>",` +
	`"awsRegion":"<region>","sourceIPAddress":"<address>","userAgent":"<agent>",<result>"requestID":"<uuid>","eventID":"<uuid>",` +
	`"readOnly":<readonly>,<tail>}`

// forms are the parts that records of all calls share.
type forms struct{ envelope, denied, inside, outside, statement, resource, tag template }

func newForms() *forms {
	return &forms{compile(envelopeText), compile(deniedText), compile(insideText), compile(outsideText), compile(statementText), compile(resourceText), compile(tagText)}
}

// newCall compiles the texts of a call. An empty text is null.
func newCall(source, name, request, response string) *call {
	host, _, _ := strings.Cut(source, ".")
	return &call{
		version: []string{"1.08", "1.09", "1.10", "1.11"}[len(source+name)%4], source: source, prefix: host, name: name,
		readOnly: reads(name), global: slices.Contains([]string{"iam", "organizations", "route53", "cloudfront", "budgets"}, host),
		request: compile(orNull(request)), response: compile(orNull(response)),
	}
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

func reads(name string) bool {
	for _, verb := range words("Get List Describe Head Lookup BatchGet Search Query Decrypt Assume Simulate Generate") {
		if strings.HasPrefix(name, verb) {
			return true
		}
	}
	return false
}

// agent is the program that called.
func (g *scribe) agent(b []byte) []byte {
	if g.call.userAgent != "" {
		return append(b, g.call.userAgent...)
	}
	return append(b, g.session.agent...)
}

// result is what was asked and answered, or the refusal.
func (g *scribe) result(b []byte) []byte {
	if g.failed {
		b = g.forms.denied.append(g, b)
		return append(g.call.request.append(g, append(b, `"requestParameters":`...)), `,"responseElements":null,`...)
	}
	b = g.call.request.append(g, append(b, `"requestParameters":`...))
	b = append(g.call.response.append(g, append(b, `,"responseElements":`...)), ',')
	return g.call.extra.append(g, b)
}

const deniedText = `"errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::<account>:assumed-role/<role>/<name> is not authorized to perform: ` +
	`<prefix>:<event> on resource: arn:aws:iam::<account>:role/<role> because no identity-based policy allows the <prefix>:<event> action",`

// tail is the end of a record. Calls that a service makes have no tlsDetails.
func (g *scribe) tail(b []byte) []byte {
	b = g.call.resources.append(g, b)
	if strings.HasSuffix(g.session.address, ".com") {
		return g.forms.inside.append(g, b)
	}
	return g.forms.outside.append(g, b)
}

const (
	insideText  = `"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"<account>","sharedEventID":"<uuid>","eventCategory":"Management"`
	outsideText = `"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"<account>","eventCategory":"Management","tlsDetails":` +
		`{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"<source>"}`
)

// policy appends a policy document as JSON text inside a JSON string.
func (g *scribe) policy(b []byte, statements int) []byte {
	b = append(b, `{\"Version\":\"2012-10-17\",\"Statement\":[`...)
	for i := range statements {
		if i > 0 {
			b = append(b, ',')
		}
		b = g.forms.statement.append(g, b)
	}
	return append(b, `]}`...)
}

const statementText = `{\n  \"Sid\": \"<pick Allow|Deny|Manage|Read><num 99>\",\n  \"Effect\": \"<pick Allow|Allow|Deny>\",\n  \"Action\": [\n    ` +
	`\"s3:<pick GetObject|PutObject|ListBucket|DeleteObject>\",\n    \"<pick kms:Decrypt|kms:GenerateDataKey|logs:PutLogEvents|dynamodb:Query|sqs:SendMessage>\"\n  ],\n  ` +
	`\"Resource\": [\n    \"arn:aws:s3:::<bucket>\",\n    \"arn:aws:s3:::<same>/*\",\n    \"arn:aws:kms:<region>:<account>:key/<cmk>\"\n  ],\n  ` +
	`\"Condition\": {\"StringEquals\": {\"aws:PrincipalTag/team\": \"<pick platform|payments|search>\", \"aws:RequestedRegion\": \"<region>\"}}\n}`

// stack appends a CloudFormation template as YAML text: the longest parameters
// of an archive, up to 51,200 bytes.
func (g *scribe) stack(b []byte, resources int) []byte {
	b = append(b, `AWSTemplateFormatVersion: '2010-09-09'\nResources:\n`...)
	for range resources {
		b = g.forms.resource.append(g, b)
	}
	return b
}

const resourceText = `  Fn<hex 8>:\n    Type: AWS::Lambda::Function\n    Properties:\n      FunctionName: <fn>\n      Runtime: provided.al2023\n      Handler: bootstrap\n      ` +
	`Role: !GetAtt \"Role.Arn\"\n      Code:\n        S3Bucket: <bucket>\n        S3Key: <digest>\n      MemorySize: <num 4096>\n      Timeout: <num 900>\n    ` +
	`DependsOn: [Role, Policy]\n`

// instances appends the items of an instancesSet.
func (g *scribe) instances(b []byte, n int) []byte {
	pool := g.account.pools["instance"]
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"instanceId":"`...), pool[g.rand.n(len(pool))]...), `"}`...)
	}
	return b
}

// tags appends a list of n tags.
func (g *scribe) tags(b []byte, n int) []byte {
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = g.forms.tag.append(g, b)
	}
	return append(b, ']')
}

const tagText = `{"key":"<pick team|stage|cost-center|owner|managed-by|data-class>","value":"<name>"}`

// assumeRole is the call by which services take on roles: one record in twenty
// of a usual archive.
func assumeRole() *call {
	c := newCall("sts.amazonaws.com", "AssumeRole",
		`{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<name>-<hex 12>","durationSeconds":3600}`, assumed)
	c.resources = compile(`"resources":[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<role>"}],`)
	return c
}

// assumeRoleMFA is the same by a person with a code: serialNumber is recorded,
// the code is not.
func assumeRoleMFA() *call {
	return newCall("sts.amazonaws.com", "AssumeRole",
		`{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<user>","serialNumber":"arn:aws:iam::<account>:mfa/<user>","durationSeconds":3600}`, assumed)
}

const assumed = `{"credentials":{"accessKeyId":"<key>","sessionToken":"IQoJb3JpZ2luX2VjE<b64 280>==","expiration":"<later>"},` +
	`"assumedRoleUser":{"assumedRoleId":"AROA<id 17>:<name>","arn":"arn:aws:sts::<account>:assumed-role/<role>/<name>"}}`

// calls is the catalogue, arranged for drawing.
type calls struct {
	services []*service
	total    int
}

// service is one AWS service and its operations, the frequent ones first.
type service struct {
	weight int
	calls  []*call
}

// draw picks a call. Global services log in us-east-1 only.
func (c *calls) draw(r random, region string) *call {
	for {
		at := r.n(c.total)
		for _, s := range c.services {
			if at -= s.weight; at < 0 {
				if one := s.calls[r.low(len(s.calls))]; !one.global || region == "us-east-1" {
					return one
				}
				break
			}
		}
	}
}

// catalogue reads the list of services and gives every operation its texts: its
// own where there are any, else what the service's operations have in common.
func catalogue() *calls {
	own := ownTexts()
	list := &calls{}
	var s *service
	var source, common string
	for i, text := range strings.Split(strings.TrimSpace(serviceList), "\n") {
		if !strings.HasPrefix(text, "\t") {
			s = &service{}
			if _, err := fmt.Sscan(text, &source, &s.weight); err != nil {
				panic(fmt.Sprintf("corpus: service list, line %d: %v", i, err))
			}
			_, common, _ = strings.Cut(text, " | ")
			list.services, list.total = append(list.services, s), list.total+s.weight
			source += ".amazonaws.com"
			continue
		}
		for _, name := range words(text) {
			s.calls = append(s.calls, operation(source, name, common, own))
		}
	}
	return list
}

func operation(source, name, common string, own map[string]texts) *call {
	t, ok := own[name]
	if !ok {
		t = commonTexts(source, name, common)
	}
	c := newCall(source, name, t.request, t.response)
	c.extra, c.resources = compile(t.extra), compile(t.resources)
	return c
}

// commonTexts makes the texts of an operation that has none of its own: the
// service's usual parameters and, by the operation's name, a page token, a
// filter, tags or a configuration.
func commonTexts(source, name, common string) texts {
	more := []string{`,"maxResults":100`, filters, `,"nextToken":"<b64 72>"` + filters, filters + `,"includeShared":<pick true|false>,"sortBy":"CREATED_AT","sortOrder":"DESCENDING","maxResults":50`}
	if reads(name) {
		return texts{request: "{" + common + more[len(name)%len(more)] + "}"}
	}
	t := texts{
		request:  "{" + common + `,"description":"made by <role>","clientToken":"<uuid>","tagSet":<tags 4>,"configuration":` + configuration + "}",
		response: "{" + common + `,"arn":"arn:aws:<pick ec2|service>:<region>:<account>:<name>/<hex 17>","status":"<pick ACTIVE|CREATING|UPDATING>","createdAt":"<time>","_return":true}`,
	}
	if strings.HasPrefix(source, "s3") {
		t.response = ""
	}
	return t
}

const filters = `,"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"<vpc>"},{"value":"<vpc>"}]}},{"name":"tag:team","valueSet":{"items":[{"value":"<name>"}]}},` +
	`{"name":"tag:stage","valueSet":{"items":[{"value":"prod"},{"value":"stage"}]}},{"name":"state","valueSet":{"items":[{"value":"available"},{"value":"in-use"}]}}]}`

const configuration = `{"vpcConfig":{"subnetIds":["<subnet>","<subnet>"],"securityGroupIds":["<sg>"]},"logging":{"enabled":true,"logGroup":"/aws/<name>"},` +
	`"encryption":{"kmsKeyArn":"arn:aws:kms:<region>:<account>:key/<cmk>"},"limits":{"memory":<num 8192>,"timeout":<num 900>}}`
