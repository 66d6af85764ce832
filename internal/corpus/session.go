package corpus

import (
	"fmt"
	"time"
)

// session is a caller in one file: its userIdentity is the same in all its
// records, as in life.
type session struct {
	identity []byte
	address  string
	agent    string
}

// person is somebody who signs in, for the length of one scene.
type person struct {
	user     user
	address  string
	browser  string
	workflow string
}

func (g *scribe) newPerson() *person {
	return &person{
		user: g.account.users[g.rand.low(len(g.account.users))], address: g.publicAddress(),
		browser: browsers()[g.rand.n(len(browsers()))], workflow: string(g.rand.uuid(nil)),
	}
}

func (g *scribe) publicAddress() string {
	nets := []string{"192.0.2.%d", "198.51.100.%d", "203.0.113.%d"}
	return fmt.Sprintf(nets[g.rand.n(len(nets))], 1+g.rand.n(254))
}

// newSession draws a caller: mostly role sessions, some IAM users, web
// identities and services, rarely root.
func (g *scribe) newSession() *session {
	role := g.account.roles[g.rand.low(len(g.account.roles))]
	switch k := g.rand.n(200); {
	case k < 1:
		return g.render(rootIdentity, user{}, "", g.publicAddress(), 2)
	case k < 20:
		u := g.account.users[g.rand.low(len(g.account.users))]
		return g.render(userIdentity, u, "", g.publicAddress(), 0)
	case k < 36:
		service := services()[g.rand.n(len(services()))]
		return &session{identity: fmt.Appendf(nil, serviceIdentity, service), address: service, agent: service}
	case k < 50:
		return g.render(webIdentity, role, "botocore-session-"+fmt.Sprint(1_790_000_000+g.rand.n(9_000_000)), g.publicAddress(), 1)
	case k < 70:
		service := services()[g.rand.n(len(services()))]
		s := g.render(viaIdentity, role, g.sessionName(), service, 0, service)
		s.agent = service
		return s
	}
	return g.render(roleIdentity, role, g.sessionName(), g.publicAddress(), []int{0, 0, 1, 1, 1, 1, 2}[g.rand.n(7)])
}

func (g *scribe) sessionName() string {
	switch g.rand.n(4) {
	case 0:
		return string(g.rand.hex([]byte("i-0"), 16))
	case 1:
		return string(g.rand.hex(nil, 32))
	case 2:
		return g.account.users[g.rand.n(len(g.account.users))].name + "@example.com"
	}
	return fmt.Sprintf("aws-sdk-java-%d", 1_790_000_000_000+g.rand.n(9_000_000_000))
}

// render fills one of the identity forms: account, id, session, role name, key
// and the times of the session.
func (g *scribe) render(form string, u user, sessionName, address string, agents int, more ...any) *session {
	key := string(g.rand.chars([]byte("ASIA"), base32Set, 16))
	args := append([]any{g.account.id, u.id, sessionName, u.name, key, g.ago().Truncate(time.Second).Format(stamp)}, more...)
	list := agentKinds()[agents]
	return &session{identity: fmt.Appendf(nil, form, args...), address: address, agent: list[g.rand.n(len(list))]}
}

// The identities, with the arguments of render by number.
const (
	rootIdentity    = `{"type":"Root","principalId":"%[1]s","arn":"arn:aws:iam::%[1]s:root","accountId":"%[1]s","accessKeyId":"%[5]s","sessionContext":{"attributes":{"creationDate":"%[6]s","mfaAuthenticated":"true"}}%.0[2]s%.0[3]s%.0[4]s}`
	userIdentity    = `{"type":"IAMUser","principalId":"%[2]s","arn":"arn:aws:iam::%[1]s:user/%[4]s","accountId":"%[1]s","accessKeyId":"%[5]s","userName":"%[4]s","sessionContext":{"attributes":{"creationDate":"%[6]s","mfaAuthenticated":"true"}}%.0[3]s}`
	serviceIdentity = `{"type":"AWSService","invokedBy":"%s"}`
	roleIdentity    = `{"type":"AssumedRole","principalId":"%[2]s:%[3]s","arn":"arn:aws:sts::%[1]s:assumed-role/%[4]s/%[3]s","accountId":"%[1]s","accessKeyId":"%[5]s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"%[2]s","arn":"arn:aws:iam::%[1]s:role/%[4]s","accountId":"%[1]s","userName":"%[4]s"},"webIdFederationData":{},"attributes":{"creationDate":"%[6]s","mfaAuthenticated":"false"},"ec2RoleDelivery":"2.0"}}`
	viaIdentity     = `{"type":"AssumedRole","principalId":"%[2]s:%[3]s","arn":"arn:aws:sts::%[1]s:assumed-role/%[4]s/%[3]s","accountId":"%[1]s","accessKeyId":"%[5]s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"%[2]s","arn":"arn:aws:iam::%[1]s:role/%[4]s","accountId":"%[1]s","userName":"%[4]s"},"attributes":{"creationDate":"%[6]s","mfaAuthenticated":"false"}},"invokedBy":"%[7]s"}`
	webIdentity     = `{"type":"AssumedRole","principalId":"%[2]s:%[3]s","arn":"arn:aws:sts::%[1]s:assumed-role/%[4]s/%[3]s","accountId":"%[1]s","accessKeyId":"%[5]s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"%[2]s","arn":"arn:aws:iam::%[1]s:role/%[4]s","accountId":"%[1]s","userName":"%[4]s"},"webIdFederationData":{"federatedProvider":"arn:aws:iam::%[1]s:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF","attributes":{}},"attributes":{"creationDate":"%[6]s","mfaAuthenticated":"false"}}}`
)

func services() []string {
	return []string{
		"lambda.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "config.amazonaws.com", "autoscaling.amazonaws.com",
		"cloudformation.amazonaws.com", "replicator.lambda.amazonaws.com", "delivery.logs.amazonaws.com", "states.amazonaws.com",
	}
}

func browsers() []string {
	return []string{
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
	}
}

// agentKinds are the programs of people and pipelines, of workloads, and of
// consoles.
func agentKinds() [][]string {
	return [][]string{
		{
			"APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io) terraform-provider-aws/6.19.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.39.4 ua/2.1 os/linux lang/go#1.24.9 md/GOOS#linux md/GOARCH#amd64",
			"aws-cli/2.31.18 md/awscrt#0.27.6 ua/2.1 os/linux#6.1.155-176.282.amzn2023.x86_64 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe sid/0a1b2c3d4e5f md/prompt#off",
			"aws-cli/2.32.2 md/awscrt#0.28.4 ua/2.1 os/macos#25.1.0 md/arch#arm64 lang/python#3.13.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source md/prompt#off",
		},
		{
			"aws-sdk-go-v2/1.39.4 ua/2.1 os/linux lang/go#1.25.3 md/GOOS#linux md/GOARCH#arm64 exec-env/AWS_ECS_FARGATE m/E,e,g",
			"Boto3/1.40.55 md/Botocore#1.40.55 ua/2.1 os/linux#5.10.245-268.961.amzn2.x86_64 md/arch#x86_64 lang/python#3.12.11 md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 cfg/retry-mode#legacy Botocore/1.40.55",
			"aws-sdk-java/2.35.10 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.155 lang/java#21.0.9 md/OpenJDK_64-Bit_Server_VM#21.0.9+11-LTS md/vendor#Amazon.com_Inc. md/en_US exec-env/AWS_ECS_EC2 m/D,N",
			"aws-sdk-nodejs/2.1692.0 linux/v18.20.8 exec-env/AWS_Lambda_nodejs18.x promise",
			"Go-http-client/2.0 kubernetes/v1.33.5 (linux/amd64) kubernetes/4a1b2c3 cluster-autoscaler aws-sdk-go/1.55.7 (go1.24.6; linux; amd64)",
		},
		{
			"[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.750 Linux/5.10.245-268.961.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.462-b08 java/1.8.0_462 vendor/Oracle_Corporation cfg/retry-mode/standard]",
			"aws-internal/3 aws-sdk-java/1.12.750 Linux/5.10.245 OpenJDK_64-Bit_Server_VM/25.462-b08 java/1.8.0_462 vendor/Oracle_Corporation cfg/retry-mode/standard",
			"AWS-Console-Mobile/3.1 (iPhone; iOS 26.1) Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		},
	}
}
