package demo

import "strings"

const (
	consoleEvent = "AwsConsoleSignIn"
	serviceEvent = "AwsServiceEvent"
	apiCall      = "AwsApiCall"

	signinSource = "signin.amazonaws.com"
	firefox      = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	terraform    = "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io) aws-sdk-go-v2/1.39.4 os/linux lang/go#1.25.3"
	jersey       = "Jersey/${project.version} (HttpUrlConnection 21.0.9)"
	awsCLI       = "aws-cli/2.32.2 md/awscrt#0.28.4 ua/2.1 os/linux md/arch#x86_64 lang/python#3.13.9"
)

// factor is what additionalEventData says of the second factor.
type factor object

func virtual(device string) factor {
	return factor{"MFAUsed": "Yes", "MFAIdentifier": "arn:aws:iam::$account:mfa/" + device}
}

func securityKey(owner string) factor {
	return factor{"MFAUsed": "Yes", "MFAIdentifier": "arn:aws:iam::$account:u2f/" + owner + "/key-ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
}

func noMFA() factor { return factor{"MFAUsed": "No"} }

// unsaid is a record without MFAUsed: it says neither yes nor no.
func unsaid() factor { return factor{} }

// saml is what a session of the corporate provider has: MFAUsed is No whatever
// the provider asked for.
func saml() factor {
	return factor{"MFAUsed": "No", "SamlProviderArn": "arn:aws:iam::$account:saml-provider/corporate"}
}

func console(name, result string, f factor) deed {
	add := object{"MobileVersion": "No"}
	if name == "ConsoleLogin" {
		add["LoginTo"] = "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&nc2=h_ct&src=header-signin"
	}
	for k, v := range f {
		add[k] = v
	}
	return deed{version: "1.08", source: signinSource, name: name, kind: consoleEvent, agent: firefox,
		response: object{name: result}, additional: add}
}

func login(f factor) deed { return console("ConsoleLogin", "Success", f) }

// refused is a sign-in that did not work. With MFAUsed Yes it got as far as the
// second factor; the message is the same.
func refused(message string, f factor) deed {
	d := console("ConsoleLogin", "Failure", f)
	d.errorMessage = message
	return d
}

func wrongPassword() deed { return refused("Failed authentication", noMFA()) }

// checkMFA is the prompt for the second factor: shown, not answered.
func checkMFA(kind string) deed { return console("CheckMfa", "Success", factor{"MfaType": kind}) }

// signinToken is temporary credentials traded for a console session.
func signinToken(agent string) deed {
	d := console("GetSigninToken", "Success", noMFA())
	d.agent = agent
	return d
}

// portal is an event of IAM Identity Center about a person's sign-in.
func portal(name, person, credentials string, more object) deed {
	add := object{"AuthWorkflowID": uuid("workflow" + person), "UserName": person, "CredentialType": credentials}
	for k, v := range more {
		add[k] = v
	}
	return deed{version: "1.11", source: signinSource, name: name, kind: serviceEvent, agent: firefox,
		additional: add, details: object{name: "Success"}}
}

func challenge(person, credential string) deed {
	return portal("CredentialChallenge", person, credential, nil)
}

func verification(person, credential string) deed {
	return portal("CredentialVerification", person, credential, nil)
}

func authenticated(person, credentials string, more object) deed {
	return portal("UserAuthentication", person, credentials, more)
}

// call is an API call of the service, named by its short host name.
func call(host, name string, request object) deed {
	d := deed{version: "1.11", source: host + ".amazonaws.com", name: name, kind: apiCall, agent: awsCLI, readOnly: reads(name)}
	if request != nil {
		d.request = request
	}
	return d
}

func (d deed) by(agent string) deed {
	d.agent = agent
	return d
}

func (d deed) answered(response object) deed {
	d.response = response
	return d
}

func reads(name string) bool {
	for _, verb := range []string{"Get", "List", "Describe", "Head", "Decrypt", "Assume"} {
		if strings.HasPrefix(name, verb) {
			return true
		}
	}
	return false
}
