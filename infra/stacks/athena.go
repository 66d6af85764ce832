package stacks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsathena"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsglue"
	"github.com/aws/jsii-runtime-go"
)

// scanLimit is how many bytes a query may read before Athena ends it: half a
// dollar at five dollars a TB.
const scanLimit = 100 << 30

// makeAthena makes the workgroup, the tables over the trail and the findings, and
// queries to begin with. Partitions are worked out from the tables' properties:
// nothing has to load them.
func (b *builder) makeAthena(s awscdk.Stack) {
	group := awsathena.NewCfnWorkGroup(s, jsii.String("WorkGroup"), &awsathena.CfnWorkGroupProps{
		Name: jsii.String(b.prefix), Description: jsii.String("mfawatch: questions to the trail and to the findings"), RecursiveDeleteOption: jsii.Bool(true),
		WorkGroupConfiguration: object{
			"enforceWorkGroupConfiguration": true, "publishCloudWatchMetricsEnabled": true, "bytesScannedCutoffPerQuery": scanLimit,
			"resultConfiguration": object{
				"outputLocation": "s3://" + b.bucket("reports") + "/athena/", "expectedBucketOwner": b.account,
				"encryptionConfiguration": object{"encryptionOption": "SSE_KMS", "kmsKey": *b.key},
			},
		},
	})
	database := awsglue.NewCfnDatabase(s, jsii.String("Database"), &awsglue.CfnDatabaseProps{
		CatalogId: jsii.String(b.account), DatabaseInput: object{"name": b.database(), "description": "mfawatch: the trail and the findings"},
	})
	for _, t := range b.athenaTables() {
		entry := awsglue.NewCfnTable(s, jsii.String(pascal(t.name)+"Table"), &awsglue.CfnTableProps{
			CatalogId: jsii.String(b.account), DatabaseName: jsii.String(b.database()), TableInput: t.input(),
		})
		entry.AddResourceDependency(database, nil)
	}
	for _, q := range b.queries() {
		saved := awsathena.NewCfnNamedQuery(s, jsii.String(pascal(q.name)+"Query"), &awsathena.CfnNamedQueryProps{
			Database: jsii.String(b.database()), WorkGroup: b.prefix, Name: jsii.String(q.name), Description: jsii.String(q.why), QueryString: jsii.String(q.text),
		})
		saved.AddResourceDependency(group, nil)
		saved.AddResourceDependency(database, nil)
	}
}

// athenaTables: an adopted trail of another account is an organisation's, and its
// files lie in a folder of the organisation's id, which a deployment for one
// account does not know.
func (b *builder) athenaTables() []table {
	if b.foreignTrail() && !b.organizational() {
		return []table{b.findingsTable()}
	}
	return []table{b.trailTable(), b.findingsTable()}
}

// foreignTrail says whether the adopted trail is of another account.
func (b *builder) foreignTrail() bool {
	return b.d.Trail.Adopt != "" && !strings.Contains(b.d.Trail.Adopt, ":"+b.account+":")
}

// database is a name that SQL takes without quotes.
func (b *builder) database() string { return strings.ReplaceAll(b.prefix, "-", "_") }

// table is a table of the Glue catalogue over files in S3.
type table struct {
	name, why     string
	columns       [][2]string // name and type
	partitions    [][2]string
	properties    object // of partition projection among them
	location      string
	reads, writes string // classes
	serde         string
	serdeWith     object
}

func (t table) input() object {
	parameters := object{"EXTERNAL": "TRUE", "projection.enabled": "true"}
	for key, value := range t.properties {
		parameters[key] = value
	}
	return object{
		"name": t.name, "description": t.why, "tableType": "EXTERNAL_TABLE", "parameters": parameters, "partitionKeys": columns(t.partitions),
		"storageDescriptor": object{
			"columns": columns(t.columns), "location": t.location, "inputFormat": t.reads, "outputFormat": t.writes,
			"serdeInfo": object{"serializationLibrary": t.serde, "parameters": t.serdeWith},
		},
	}
}

func columns(pairs [][2]string) []object {
	var all []object
	for _, c := range pairs {
		all = append(all, object{"name": c[0], "type": c[1]})
	}
	return all
}

// userIdentity is the type of CloudTrail's userIdentity in the documented table.
const userIdentity = "struct<type:string,principalid:string,arn:string,accountid:string,invokedby:string,accesskeyid:string,username:string,onbehalfof:struct<userid:string,identitystorearn:string>," +
	"sessioncontext:struct<attributes:struct<mfaauthenticated:string,creationdate:string>,sessionissuer:struct<type:string,principalid:string,arn:string,accountid:string,username:string>," +
	"ec2roledelivery:string,webidfederationdata:struct<federatedprovider:string,attributes:map<string,string>>>>"

// trailTable is the table that AWS documents for CloudTrail's files (Athena user
// guide, create the table for CloudTrail logs using partition projection), with
// account and Region as partitions besides the day. Accounts of an organisation
// are not known here: a query names those that it asks about.
func (b *builder) trailTable() table {
	folder := b.trailFolder()
	t := table{
		name: "trail", why: "what the trail's files hold",
		columns: [][2]string{
			{"eventversion", "string"}, {"useridentity", userIdentity}, {"eventtime", "string"}, {"eventsource", "string"}, {"eventname", "string"}, {"awsregion", "string"},
			{"sourceipaddress", "string"}, {"useragent", "string"}, {"errorcode", "string"}, {"errormessage", "string"}, {"requestparameters", "string"}, {"responseelements", "string"},
			{"additionaleventdata", "string"}, {"requestid", "string"}, {"eventid", "string"}, {"readonly", "string"}, {"resources", "array<struct<arn:string,accountid:string,type:string>>"},
			{"eventtype", "string"}, {"apiversion", "string"}, {"recipientaccountid", "string"}, {"serviceeventdetails", "string"}, {"sharedeventid", "string"}, {"vpcendpointid", "string"},
			{"vpcendpointaccountid", "string"}, {"eventcategory", "string"}, {"addendum", "struct<reason:string,updatedfields:string,originalrequestid:string,originaleventid:string>"},
			{"sessioncredentialfromconsole", "string"}, {"edgedevicedetails", "string"}, {"tlsdetails", "struct<tlsversion:string,ciphersuite:string,clientprovidedhostheader:string>"},
		},
		partitions: [][2]string{{"account", "string"}, {"region", "string"}, {"day", "string"}},
		location:   folder,
		reads:      "com.amazon.emr.cloudtrail.CloudTrailInputFormat", writes: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
		serde: "org.apache.hive.hcatalog.data.JsonSerDe", serdeWith: object{"serialization.format": "1"},
		properties: object{
			"projection.account.type": "enum", "projection.account.values": b.account,
			"projection.region.type": "enum", "projection.region.values": strings.Join(b.d.Regions, ","),
			"storage.location.template": folder + "${account}/CloudTrail/${region}/${day}/",
		},
	}
	kept := b.d.Retention.Trail
	if b.d.Trail.Adopt != "" {
		kept = 0 // is for whoever made the trail to say
	}
	b.days(t.properties, "yyyy/MM/dd", kept)
	if b.organizational() {
		t.properties["projection.account.type"] = "injected"
		delete(t.properties, "projection.account.values")
	}
	return t
}

// trailFolder is where the accounts' folders are; an organisation's trail has
// its id before them (CloudTrail user guide, log file names).
func (b *builder) trailFolder() string {
	bucket, prefix := b.bucket("trail"), ""
	if b.d.Trail.Adopt != "" {
		bucket, prefix = b.d.Trail.Bucket, b.d.Trail.KeyPrefix
	}
	folder := "s3://" + bucket + "/" + prefix + "AWSLogs/"
	if b.organizational() {
		folder += b.d.Organization.ID + "/"
	}
	return folder
}

// days project a partition of one day each, as far back as is kept.
func (b *builder) days(properties object, format string, kept int) {
	since := fmt.Sprintf("NOW-%dDAYS", kept)
	if kept == 0 {
		since = "NOW-10YEARS"
	}
	properties["projection.day.type"], properties["projection.day.format"], properties["projection.day.range"] = "date", format, since+",NOW"
	properties["projection.day.interval"], properties["projection.day.interval.unit"] = "1", "DAYS"
}

// findingColumns are those of the audit's CSV (audit/report), in order. Its JSON
// is one document over many lines, of which Athena makes no rows.
func findingColumns() []string {
	return []string{
		"account", "account_name", "taken_at", "check", "outcome", "severity",
		"subject_kind", "subject_id", "subject_name", "subject_arn", "detail",
		"controls", "evidence", "evidence_age", "missing_actions",
		"exemption_owner", "exemption_ticket", "exemption_expires", "first_seen", "remediation", "evidence_facts",
	}
}

// findingsTable is over the copies that the state machine makes. All columns are
// texts: the serializer reads no empty value as anything else (Athena user guide,
// Open CSV SerDe). A backslash in a text is lost.
func (b *builder) findingsTable() table {
	t := table{
		name: "findings", why: "what audits found, each run of them", partitions: [][2]string{{"day", "string"}}, location: "s3://" + b.bucket("reports") + "/tables/findings/",
		reads: "org.apache.hadoop.mapred.TextInputFormat", writes: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
		serde: "org.apache.hadoop.hive.serde2.OpenCSVSerde", serdeWith: object{"separatorChar": ",", "quoteChar": `"`, "escapeChar": `\`},
		properties: object{"skip.header.line.count": "1", "storage.location.template": "s3://" + b.bucket("reports") + "/" + tables + "${day}/"},
	}
	for _, name := range findingColumns() {
		t.columns = append(t.columns, [2]string{name, "string"})
	}
	b.days(t.properties, "yyyy-MM-dd", b.d.Retention.Reports)
	return t
}
