package demo

// The three accounts, and the Regions by their places.
const (
	management = "111122223333"
	production = "444455556666"
	sandbox    = "777788889999"

	virginia  = "us-east-1"
	ohio      = "us-east-2"
	oregon    = "us-west-2"
	stockholm = "eu-north-1"
)

// Where people come from: the office, home, and somebody nobody knows.
const (
	office   = "192.0.2.10"
	upstairs = "192.0.2.27"
	home     = "203.0.113.58"
	abroad   = "203.0.113.140"
	gateway  = "203.0.113.9" // of programs
	stranger = "198.51.100.77"
)

// story is the week: the sign-ins and what belongs to them.
func story() []happening {
	var all []happening
	for _, day := range [][]happening{monday(), tuesday(), wednesday(), thursday(), friday()} {
		all = append(all, day...)
	}
	return all
}

// monday is an ordinary day, but for ada, who has no MFA.
func monday() []happening {
	const barbara = "barbara@example.com"
	return []happening{
		{"16 07:58:40", production, stockholm, user("grace"), office, checkMFA("Virtual MFA"), ""},
		{"16 07:58:54", production, stockholm, user("grace"), office, login(virtual("grace")), ""},
		{"16 08:14:03", production, stockholm, user("ada"), home, login(noMFA()), ""},

		// Identity Center: password and TOTP at the portal, then the console of production.
		{"16 08:31:02", management, stockholm, portalUser("barbara"), office, challenge(barbara, "PASSWORD"), ""},
		{"16 08:31:09", management, stockholm, portalUser("barbara"), office, verification(barbara, "PASSWORD"), ""},
		{"16 08:31:10", management, stockholm, portalUser("barbara"), office, challenge(barbara, "TOTP"), ""},
		{"16 08:31:24", management, stockholm, portalUser("barbara"), office, verification(barbara, "TOTP"), ""},
		{"16 08:31:25", management, stockholm, portalUser("barbara"), office, authenticated(barbara, "PASSWORD,TOTP", nil), ""},
		{"16 08:31:50", production, virginia, identityCenter("AdministratorAccess", barbara), office, signinToken(jersey), ""},
		{"16 08:31:51", production, virginia, identityCenter("AdministratorAccess", barbara), office, login(noMFA()), ""},

		{"16 09:10:33", sandbox, virginia, corporate("corporate-admin", "alan@example.com"), upstairs, login(saml()), ""},
		{"16 10:22:07", management, virginia, root(), office, login(virtual("root-account-mfa-device")), ohio}, // in two Regions' files
		{"16 14:05:11", sandbox, oregon, user("edsger"), upstairs, checkMFA("U2F MFA"), ""},
		{"16 14:05:19", sandbox, oregon, user("edsger"), upstairs, login(securityKey("user/edsger")), ""},
	}
}

// tuesday has people who mistype, and two who are new to the portal.
func tuesday() []happening {
	const radia, dennis = "radia@example.com", "dennis@example.com"
	return []happening{
		{"17 08:03:20", production, stockholm, user("grace"), office, checkMFA("Virtual MFA"), ""},
		{"17 08:03:33", production, stockholm, user("grace"), office, login(virtual("grace")), stockholm}, // two trails
		{"17 08:20:41", management, stockholm, portalUser("radia"), home, verification(radia, "PASSWORD"), ""},
		{"17 08:20:42", management, stockholm, portalUser("radia"), home, authenticated(radia, "PASSWORD", nil), ""},
		{"17 09:01:12", management, stockholm, portalUser("dennis"), office, verification(dennis, "PASSWORD"), ""},
		{"17 09:02:30", management, stockholm, portalUser("dennis"), office, authenticated(dennis, "PASSWORD", object{"DeviceEnrollmentRequired": "true"}), ""},
		{"17 10:15:02", production, ohio, hidden(), upstairs, refused("No username found in supplied account", noMFA()), ""},
		{"17 10:15:40", production, ohio, user("margaret"), upstairs, login(securityKey("user/margaret")), ""},
		{"17 13:30:08", production, stockholm, user("ken"), office, checkMFA("Virtual MFA"), ""},
		{"17 13:30:29", production, stockholm, failing("ken"), office, refused("Failed authentication", factor{"MFAUsed": "Yes"}), ""},

		// katherine enrols her first device and uses it.
		{"17 15:00:05", production, virginia, inConsole("katherine", "false"), office,
			call("iam", "CreateVirtualMFADevice", object{"virtualMFADeviceName": "katherine"}).answered(object{"virtualMFADevice": object{"serialNumber": "arn:aws:iam::$account:mfa/katherine"}}), ""},
		{"17 15:00:58", production, virginia, inConsole("katherine", "false"), office, call("iam", "EnableMFADevice", deviceOf("katherine")), ""},
		{"17 15:04:30", production, stockholm, user("katherine"), office, login(virtual("katherine")), ""},
	}
}

// wednesday begins with a stranger: six guesses, the seventh is right, and a
// trail stops. By day tony takes his MFA device away.
func wednesday() []happening {
	return []happening{
		{"18 02:10:04", sandbox, ohio, failing("backup-admin"), stranger, wrongPassword(), ""},
		{"18 02:10:41", sandbox, ohio, failing("backup-admin"), stranger, wrongPassword(), ""},
		{"18 02:11:15", sandbox, ohio, failing("backup-admin"), stranger, wrongPassword(), ""},
		{"18 02:12:20", sandbox, ohio, failing("backup-admin"), stranger, wrongPassword(), ""},
		{"18 02:13:02", sandbox, ohio, failing("backup-admin"), stranger, wrongPassword(), ""},
		{"18 02:14:37", sandbox, ohio, failing("backup-admin"), stranger, wrongPassword(), ""},
		{"18 02:16:09", sandbox, ohio, user("backup-admin"), stranger, login(noMFA()), ""},
		{"18 02:18:30", sandbox, ohio, inConsole("backup-admin", "false"), stranger, call("s3", "ListBuckets", nil).by(firefox), ""},
		{"18 02:24:12", sandbox, ohio, inConsole("backup-admin", "false"), stranger,
			call("cloudtrail", "StopLogging", object{"name": "arn:aws:cloudtrail:us-east-2:$account:trail/sandbox-trail"}).by(firefox), ""},

		{"18 09:00:47", production, virginia, role("", "operator", "margaret", "false"), upstairs, login(noMFA()), ""},
		{"18 09:30:26", production, virginia, inConsole("tony", "true"), office, call("iam", "DeactivateMFADevice", deviceOf("tony")), ""},
		{"18 11:45:53", production, stockholm, user("tony"), abroad, login(noMFA()), ""},
	}
}

// thursday has a console link made from an access key, a record that does not
// say, and root without MFA.
func thursday() []happening {
	return []happening{
		{"19 07:20:00", production, virginia, byKey("ci-deployer"), abroad,
			call("sts", "GetFederationToken", object{"name": "ci-console", "durationSeconds": 3600}).answered(object{
				"credentials":   object{"accessKeyId": "ASIAEXAMPLECICONSOLE", "expiration": "Nov 19, 2026, 8:20:00 AM"},
				"federatedUser": object{"federatedUserId": "$account:ci-console", "arn": "arn:aws:sts::$account:federated-user/ci-console"}}), ""},
		{"19 07:20:14", production, virginia, federated("ci-console", "ci-deployer"), abroad, signinToken("python-requests/2.32.5"), ""},
		{"19 07:20:20", production, virginia, federated("ci-console", "ci-deployer"), abroad, login(noMFA()), ""},
		{"19 08:14:22", production, stockholm, user("ada"), home, login(noMFA()), stockholm}, // two trails
		{"19 10:00:31", production, ohio, user("donald"), office, login(unsaid()), ""},
		{"19 16:45:09", sandbox, ohio, root(), abroad, login(noMFA()), ""},
	}
}

// friday is quiet. edsger's sign-in lies in the damaged file: brokenOff.
func friday() []happening {
	const barbara = "barbara@example.com"
	return []happening{
		{"20 08:01:00", production, stockholm, user("grace"), office, checkMFA("Virtual MFA"), ""},
		{"20 08:01:13", production, stockholm, user("grace"), office, login(virtual("grace")), ""},
		{"20 08:40:26", sandbox, virginia, identityCenter("ReadOnly", barbara), office, signinToken(jersey), ""},
		{"20 08:40:27", sandbox, virginia, identityCenter("ReadOnly", barbara), office, login(noMFA()), ""},
		{"20 09:12:00", production, ohio, role("", "operator", "grace", "true"), office, login(noMFA()), ""},
		{"20 11:30:45", sandbox, virginia, corporate("corporate-admin", "alan@example.com"), upstairs, login(saml()), ""},
	}
}

func deviceOf(name string) object {
	return object{"userName": name, "serialNumber": "arn:aws:iam::$account:mfa/" + name}
}

// readableRecords of brokenOff come before the break.
const readableRecords = 4

// brokenOff is the content of the file whose delivery broke off.
func brokenOff() []happening {
	web := role("", "web-node", "i-0123456789abcdef0", "false")
	list := call("ec2", "DescribeInstances", object{"instancesSet": object{}, "filterSet": object{}})
	return []happening{
		{"20 14:01:10", sandbox, oregon, web, gateway, list, ""},
		{"20 14:02:31", sandbox, oregon, user("edsger"), upstairs, checkMFA("U2F MFA"), ""},
		{"20 14:02:38", sandbox, oregon, user("edsger"), upstairs, login(securityKey("user/edsger")), ""},
		{"20 14:03:10", sandbox, oregon, web, gateway, list, ""},
		{"20 14:04:10", sandbox, oregon, web, gateway, list, ""},
		{"20 14:05:10", sandbox, oregon, web, gateway, call("s3", "GetBucketAcl", object{"bucketName": "example-sandbox-assets"}), ""},
		{"20 14:06:10", sandbox, oregon, web, gateway, call("kms", "Decrypt", object{"encryptionAlgorithm": "SYMMETRIC_DEFAULT"}), ""},
	}
}

// background is what most of an archive is: programs at work.
func background() []happening {
	web, deploy := role("", "web-node", "i-0123456789abcdef0", "false"), role("", "deploy", "pipeline-4711", "false")
	bucket := object{"bucketName": "example-logs", "Host": "example-logs.s3.$region.amazonaws.com"}
	key := object{"keyId": "arn:aws:kms:$region:$account:key/0a1b2c3d-0000-4000-8000-000000000001", "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
	assume := call("sts", "AssumeRole", object{"roleArn": "arn:aws:iam::$account:role/web-node", "roleSessionName": "i-0123456789abcdef0"}).by("ec2.amazonaws.com")
	ec2, lambda := service("ec2.amazonaws.com"), service("lambda.amazonaws.com")
	// A rule that mentions the words of a sign-in is not one.
	rule := call("events", "PutRule", object{"name": "sign-ins", "eventPattern": `{"source":["aws.signin"],"detail":{"eventName":["ConsoleLogin"]}}`}).by(terraform)
	return []happening{
		{"16 07:59:01", production, stockholm, ec2, "ec2.amazonaws.com", assume, ""},
		{"16 07:59:44", production, stockholm, web, gateway, call("kms", "Decrypt", key), ""},
		{"16 08:05:12", production, stockholm, web, gateway, call("s3", "GetBucketAcl", bucket), ""},
		{"16 08:32:40", production, virginia, deploy, gateway, call("iam", "GetRole", object{"roleName": "web-node"}).by(terraform), ""},
		{"16 08:34:02", production, virginia, deploy, gateway, call("ec2", "DescribeVpcs", object{"vpcSet": object{}}).by(terraform), ""},
		{"16 09:11:20", sandbox, virginia, lambda, "lambda.amazonaws.com", assume, ""},
		{"16 10:25:00", management, virginia, deploy, gateway, call("organizations", "ListAccounts", nil).by(terraform), ""},
		{"16 14:06:30", sandbox, oregon, web, gateway, call("ec2", "DescribeInstances", object{"filterSet": object{}}), ""},
		{"16 14:07:30", sandbox, oregon, web, gateway, call("kms", "GenerateDataKey", key), ""},
		{"16 20:00:10", management, stockholm, deploy, gateway, rule, ""},
		{"17 08:04:50", production, stockholm, web, gateway, call("kms", "Decrypt", key), ""},
		{"17 08:06:15", production, stockholm, web, gateway, call("s3", "ListBuckets", nil), stockholm},
		{"17 08:21:30", management, stockholm, lambda, "lambda.amazonaws.com", assume, ""},
		{"17 10:16:08", production, ohio, web, gateway, call("s3", "GetBucketPolicy", bucket), ""},
		{"17 10:17:41", production, ohio, ec2, "ec2.amazonaws.com", assume, ""},
		{"17 13:31:00", production, stockholm, deploy, gateway, call("ec2", "RunInstances", object{"instanceType": "t4g.small"}).by(terraform), ""},
		{"17 15:02:20", production, virginia, deploy, gateway, call("iam", "ListRoles", nil).by(terraform), ""},
		{"17 19:45:10", sandbox, oregon, web, gateway, call("kms", "Decrypt", key), ""},
		{"18 02:15:00", sandbox, ohio, web, gateway, call("s3", "GetBucketAcl", bucket), ""},
		{"18 02:17:30", sandbox, ohio, ec2, "ec2.amazonaws.com", assume, ""},
		{"18 09:02:03", production, virginia, deploy, gateway, call("cloudtrail", "DescribeTrails", nil).by(terraform), ""},
		{"18 09:31:15", production, virginia, inConsole("tony", "true"), office, call("iam", "ListMFADevices", object{"userName": "tony"}).by(firefox), ""},
		{"18 11:47:22", production, stockholm, web, gateway, call("kms", "Decrypt", key), ""},
		{"18 17:20:00", management, virginia, lambda, "lambda.amazonaws.com", assume, ""},
		{"19 07:22:48", production, virginia, federated("ci-console", "ci-deployer"), abroad, call("s3", "ListBuckets", nil).by(firefox), ""},
		{"19 08:15:37", production, stockholm, inConsole("ada", "false"), home, call("ec2", "DescribeInstances", object{"filterSet": object{}}).by(firefox), ""},
		{"19 08:16:44", production, stockholm, ec2, "ec2.amazonaws.com", assume, ""},
		{"19 10:02:59", production, ohio, web, gateway, call("s3", "GetBucketAcl", bucket), ""},
		{"19 16:47:00", sandbox, ohio, web, gateway, call("kms", "GenerateDataKey", key), ""},
		{"19 23:10:00", production, oregon, lambda, "lambda.amazonaws.com", assume, ""},
		{"20 08:02:31", production, stockholm, web, gateway, call("kms", "Decrypt", key), ""},
		{"20 08:41:40", sandbox, virginia, web, gateway, call("s3", "GetBucketPolicy", bucket), ""},
		{"20 09:14:10", production, ohio, ec2, "ec2.amazonaws.com", assume, ""},
		{"20 11:33:05", sandbox, virginia, deploy, gateway, call("ec2", "DescribeSubnets", object{"subnetSet": object{}}).by(terraform), ""},
		{"20 12:00:00", management, oregon, lambda, "lambda.amazonaws.com", assume, ""},
		{"20 18:30:00", production, stockholm, web, gateway, call("s3", "GetBucketAcl", bucket), ""},
	}
}
