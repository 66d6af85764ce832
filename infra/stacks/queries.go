package stacks

import (
	"fmt"
	"strings"
	"time"
)

// query is a saved query of Athena. Each says which partitions it reads: without
// that it would read, and cost, all that is kept.
type query struct{ name, why, text string }

// queries are the saved ones. {trail N} and {findings N} stand for a table and
// the partitions of the last N days.
func (b *builder) queries() []query {
	all := []query{
		{"sign-ins-without-mfa", "Console sign-ins of the last day of which no second factor is recorded", signInsWithoutMFA},
		{"root-use", "What root did in the last thirty days, sessions of sts:AssumeRoot such as the audit's among it", rootUse},
		{"sign-ins-by-user-agent", "With which programs people signed in, in the last thirty days", signInsByUserAgent},
		{"users-without-mfa-by-age", "Users without a second factor in the newest audit, longest first", usersWithoutMFA},
		{"what-changed", "What failed or was resolved between the last two audits of each account", whatChanged},
	}
	// Two audits have to lie in what is read of the findings.
	back := max(31, int(b.d.Reports.Every*2/(24*time.Hour))+1)
	fill := strings.NewReplacer("{trail 1}", b.fromTrail(1), "{trail 30}", b.fromTrail(30), "{findings}", fmt.Sprintf(fromFindings, back))
	for i := range all {
		all[i].text = fill.Replace(strings.TrimSpace(all[i].text))
	}
	return all
}

const fromFindings = `FROM findings
  WHERE day >= date_format(current_date - INTERVAL '%d' DAY, '%%Y-%%m-%%d')`

// fromTrail names accounts: an organisation's are not known here, and Athena
// takes no query of its trail that does not say which it asks about.
func (b *builder) fromTrail(days int) string {
	note := ""
	if b.organizational() {
		note = "-- Put the accounts that you ask about in place of this one.\n"
	}
	return fmt.Sprintf(`FROM trail
%sWHERE account IN ('%s') AND region IN ('%s')
  AND day >= date_format(current_date - INTERVAL '%d' DAY, '%%Y/%%m/%%d')`, note, b.account, strings.Join(b.d.Regions, "', '"), days)
}

const signInsWithoutMFA = `
SELECT eventtime, account, region, useridentity.type AS kind, useridentity.username AS who, sourceipaddress, useragent,
  json_extract_scalar(additionaleventdata, '$.MFAUsed') AS used
{trail 1}
  AND eventsource LIKE 'signin.amazonaws.com%' AND eventname = 'ConsoleLogin'
  AND json_extract_scalar(responseelements, '$.ConsoleLogin') = 'Success'
  AND useridentity.type IN ('IAMUser', 'Root')
  AND coalesce(upper(json_extract_scalar(additionaleventdata, '$.MFAUsed')), 'NO') <> 'YES'
ORDER BY eventtime DESC`

const rootUse = `
SELECT eventtime, account, region, eventsource, eventname, errorcode, sourceipaddress, useragent
{trail 30}
  AND useridentity.type = 'Root' AND useridentity.invokedby IS NULL AND upper(eventtype) <> 'AWSSERVICEEVENT'
ORDER BY eventtime DESC`

const signInsByUserAgent = `
SELECT useragent, count(*) AS times, count(DISTINCT useridentity.arn) AS people, max(eventtime) AS newest
{trail 30}
  AND eventname = 'ConsoleLogin' AND json_extract_scalar(responseelements, '$.ConsoleLogin') = 'Success'
GROUP BY useragent
ORDER BY times DESC`

const usersWithoutMFA = `
WITH audited AS (
  SELECT account, account_name, subject_name, severity, detail, first_seen, "check", outcome, taken_at,
    max(taken_at) OVER (PARTITION BY account) AS newest
  {findings}
)
SELECT account, account_name, subject_name, severity, detail, first_seen,
  date_diff('day', from_iso8601_timestamp(nullif(first_seen, '')), current_timestamp) AS days
FROM audited
WHERE taken_at = newest AND "check" IN ('user-any-mfa', 'user-console-mfa') AND outcome = 'fail'
ORDER BY first_seen, account, subject_name`

const whatChanged = `
WITH audited AS (
  SELECT account, "check", severity, detail, outcome,
    concat(subject_kind, ' ', coalesce(nullif(subject_id, ''), nullif(subject_arn, ''), subject_name)) AS subject, subject_name,
    dense_rank() OVER (PARTITION BY account ORDER BY taken_at DESC) AS back
  {findings}
),
newer AS (SELECT * FROM audited WHERE back = 1),
older AS (SELECT * FROM audited WHERE back = 2)
SELECT coalesce(newer.account, older.account) AS account, coalesce(newer."check", older."check") AS "check",
  coalesce(newer.subject_name, older.subject_name) AS subject_name, older.outcome AS was, newer.outcome AS became, coalesce(newer.detail, older.detail) AS detail
FROM newer FULL OUTER JOIN older
  ON newer.account = older.account AND newer."check" = older."check" AND newer.subject = older.subject
WHERE coalesce(newer.outcome, 'gone') <> coalesce(older.outcome, 'new')
  AND (newer.outcome = 'fail' OR older.outcome = 'fail')
ORDER BY account, "check", subject_name`
