package corpus

import "strings"

// fill puts the parts of a record into its text and compiles it.
func fill(text, identity, name, message, response, add string) template {
	return compile(strings.NewReplacer("IDENTITY", identity, "NAME", name, "ERROR", message, "RESPONSE", response, "ADD", add).Replace(text))
}

// portalText is a record of IAM Identity Center: the outcome is in
// serviceEventDetails (IAM Identity Center user guide, sign-in events).
const portalText = `{"eventVersion":"1.11","userIdentity":IDENTITY,"eventTime":"<time>","eventSource":"signin.amazonaws.com","eventName":"NAME",` +
	`"awsRegion":"<region>","sourceIPAddress":"<ip>","userAgent":"<browser>","requestParameters":null,"responseElements":null,` +
	`"additionalEventData":{ADD},"requestID":"<uuid>","eventID":"<uuid>","readOnly":false,"eventType":"AwsServiceEvent","managementEvent":true,` +
	`"recipientAccountId":"<account>","serviceEventDetails":RESPONSE,"eventCategory":"Management"}`

func portal(reason, result, credentials string) line {
	add := `"AuthWorkflowID":"<workflow>","LoginTo":"https://d-0123456789.awsapps.com/start/?workflowResultHandle=<uuid>","CredentialType":"` + credentials + `","UserName":"<user>"`
	return line{"UserAuthentication", reason, fill(portalText, byPortal, "UserAuthentication", "", `{"UserAuthentication":"`+result+`"}`, add)}
}

func challenge(credential string) line {
	add := `"AuthWorkflowID":"<workflow>","CredentialType":"` + credential + `","UserName":"<user>"`
	return line{"CredentialChallenge", "", fill(portalText, byPortal, "CredentialChallenge", "", `{"CredentialChallenge":"Success"}`, add)}
}

// apiText is an API call of the person who signs in.
const apiText = `{"eventVersion":"1.11","userIdentity":IDENTITY,"eventTime":"<time>","eventSource":"SOURCE","eventName":"NAME",` +
	`"awsRegion":"<region>","sourceIPAddress":"<ip>","userAgent":"<browser>","requestParameters":RESPONSE,"responseElements":null,` +
	`ADD"requestID":"<uuid>","eventID":"<uuid>","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,` +
	`"recipientAccountId":"<account>","eventCategory":"Management"}`

func api(name, source, request string) line {
	return line{name, "", fill(strings.Replace(apiText, "SOURCE", source, 1), byUserKey, name, "", request, "")}
}

func iamEvent(name, request string) line { return api(name, "iam.amazonaws.com", request) }

// federationToken is how an access key becomes a console session without MFA.
func federationToken() line {
	return api("GetFederationToken", "sts.amazonaws.com", `{"name":"<user>","durationSeconds":3600}`)
}

// oauth are the two calls of `aws login` (AWS Sign-In user guide).
func oauth(name string) line {
	l := api(name, "signin.amazonaws.com", `{"client_id":"arn:aws:signin:::devtools/same-device","grant_type":"authorization_code"}`)
	l.text = fill(strings.Replace(apiText, "SOURCE", "signin.amazonaws.com", 1), byUserKey, name, "",
		`{"client_id":"arn:aws:signin:::devtools/same-device","grant_type":"authorization_code"}`, `"additionalEventData":{"success":"true"},`)
	return l
}
