package enforce

import (
	"strings"
	"testing"
)

// Each row is a condition, what the request has, and whether it is met: yes, no or
// maybe. - is an absent key, ? one of which nothing is known, | parts values. The
// rows are from the IAM user guide: condition operators, single-valued and
// multivalued context keys, policy variables.
const conditionRows = `
StringEquals            aws:username  ada            ada            yes
StringEquals            aws:username  ada            ADA            no
StringEquals            aws:username  bob|ada        ada            yes
StringEquals            aws:username  a*             a*             yes
StringEquals            aws:username  a*             ada            no
StringEquals            aws:username  ada            -              no
StringEquals            aws:username  ada            ?              maybe
StringEquals            AWS:UserName  ada            ada            yes
StringEqualsIfExists    aws:username  ada            -              yes
StringEqualsIfExists    aws:username  ada            bob            no
StringNotEquals         aws:username  ada            bob            yes
StringNotEquals         aws:username  ada            ada            no
StringNotEquals         aws:username  ada|bob        bob            no
StringNotEquals         aws:username  ada            -              yes
StringNotEqualsIfExists aws:username  ada            -              yes
StringEqualsIgnoreCase  aws:username  ada            ADA            yes
StringNotEqualsIgnoreCase aws:username ada           ADA            no
StringLike              aws:username  a*             ada            yes
StringLike              aws:username  ?da            ada            yes
StringLike              aws:username  ?da            da             no
StringLike              aws:username  a*d*a          abcdea         yes
StringLike              aws:username  a*d            ada            no
StringLike              aws:username  *              ada            yes
StringLike              aws:username  ada            adam           no
StringLike              aws:username  ?              ä              yes
StringLike              aws:username  *?a            äa             yes
StringNotLike           aws:username  a*             ada            no
StringNotLike           aws:username  b*             ada            yes
StringNotLike           aws:username  a*             -              yes
Bool                    aws:MultiFactorAuthPresent true  true       yes
Bool                    aws:MultiFactorAuthPresent true  false      no
Bool                    aws:MultiFactorAuthPresent false false      yes
Bool                    aws:MultiFactorAuthPresent TRUE  true       yes
Bool                    aws:MultiFactorAuthPresent false -          no
Bool                    aws:MultiFactorAuthPresent maybe maybe      no
BoolIfExists            aws:MultiFactorAuthPresent false -          yes
BoolIfExists            aws:MultiFactorAuthPresent false true       no
BoolIfExists            aws:MultiFactorAuthPresent false ?          maybe
Null                    aws:MultiFactorAuthPresent true  -          yes
Null                    aws:MultiFactorAuthPresent true  false      no
Null                    aws:MultiFactorAuthPresent false false      yes
Null                    aws:MultiFactorAuthPresent false -          no
Null                    aws:MultiFactorAuthPresent true  ?          maybe
Null                    aws:MultiFactorAuthPresent true|false -     yes
NumericLessThan         aws:MultiFactorAuthAge 900     899          yes
NumericLessThan         aws:MultiFactorAuthAge 900     900          no
NumericLessThan         aws:MultiFactorAuthAge 900     -            no
NumericLessThan         aws:MultiFactorAuthAge 900     90x          no
NumericLessThan         aws:MultiFactorAuthAge 9e9     1            no
NumericLessThanEquals   aws:MultiFactorAuthAge 900     900          yes
NumericLessThanEquals   aws:MultiFactorAuthAge 900     901          no
NumericGreaterThan      aws:MultiFactorAuthAge 900     901          yes
NumericGreaterThan      aws:MultiFactorAuthAge 900     900          no
NumericGreaterThanIfExists aws:MultiFactorAuthAge 900  -            yes
NumericGreaterThanEquals aws:MultiFactorAuthAge 900    900          yes
NumericGreaterThanEquals aws:MultiFactorAuthAge 900    899.5        no
NumericEquals           aws:MultiFactorAuthAge 900     900.0        yes
NumericEquals           aws:MultiFactorAuthAge 9007199254740993 9007199254740992 no
NumericNotEquals        aws:MultiFactorAuthAge 900     900          no
NumericNotEquals        aws:MultiFactorAuthAge 900     7            yes
DateLessThan            aws:CurrentTime 2026-11-25T12:00:00Z 2026-11-25T11:59:59Z yes
DateLessThan            aws:CurrentTime 2026-11-25T12:00:00Z 2026-11-25T12:00:00Z no
DateLessThanEquals      aws:CurrentTime 2026-11-25T12:00:00Z 2026-11-25T13:00:00+01:00 yes
DateGreaterThan         aws:CurrentTime 2026-11-25     2026-11-25T00:00:01Z yes
DateGreaterThanEquals   aws:CurrentTime 2026-11-25T10:30Z 2026-11-25T10:30:00Z yes
DateGreaterThanEquals   aws:CurrentTime 2026-12       2026-11-30T10:30:00Z no
DateGreaterThan         aws:EpochTime   1700000000    1700000001    yes
DateGreaterThan         aws:EpochTime   2020          1700000001    yes
DateGreaterThan         aws:CurrentTime 2026-11-25T12:00:00Z 2026-11-25T12:00:00Z no
DateLessThanEquals      aws:CurrentTime 2026-11-25T12:00:00Z 2026-11-25T12:00:01Z no
DateGreaterThanEquals   aws:CurrentTime 2026-11-25T12:00:00Z 2026-11-25T11:59:59Z no
DateEquals              aws:CurrentTime 2026-11       2026-11-01T00:00:00Z yes
DateEquals              aws:EpochTime   1700000000    1700000000    yes
DateEquals              aws:EpochTime   2020          2020          yes
DateEquals              aws:EpochTime   20200         20200         yes
DateEquals              aws:CurrentTime 2026          2026-01-01T00:00:00Z yes
DateNotEquals           aws:CurrentTime 2026          2026-01-01T00:00:00Z no
DateEquals              aws:CurrentTime soon          soon          no
IpAddress               aws:SourceIp  192.0.2.0/24   192.0.2.7      yes
IpAddress               aws:SourceIp  192.0.2.0/24   198.51.100.7   no
IpAddress               aws:SourceIp  192.0.2.7      192.0.2.7      yes
IpAddress               aws:SourceIp  192.0.2.7      192.0.2.8      no
IpAddress               aws:SourceIp  2001:db8::/32  2001:db8::7    yes
IpAddress               aws:SourceIp  192.0.2.0/24   -              no
IpAddress               aws:SourceIp  192.0.2.0/24   cloudformation.amazonaws.com no
IpAddress               aws:SourceIp  0.0.0.0/0x     192.0.2.7      no
NotIpAddress            aws:SourceIp  192.0.2.0/24   192.0.2.7      no
NotIpAddress            aws:SourceIp  192.0.2.0/24   -              yes
ArnLike                 aws:PrincipalArn arn:*:iam::*:user/* arn:aws:iam::111122223333:user/ada yes
ArnLike                 aws:PrincipalArn arn:aws:iam::*      arn:aws:iam::111122223333:user/ada no
ArnLike                 aws:PrincipalArn *                   arn:aws:iam::111122223333:user/ada yes
ArnEquals               aws:PrincipalArn arn:aws:iam::111122223333:user/a* arn:aws:iam::111122223333:user/dev/ada no
ArnEquals               aws:PrincipalArn arn:aws:iam::111122223333:user/*a arn:aws:iam::111122223333:user/dev/ada yes
ArnNotLike              aws:PrincipalArn arn:*:iam::*:role/* arn:aws:iam::111122223333:user/ada yes
ArnNotEquals            aws:PrincipalArn arn:*:iam::*:user/* arn:aws:iam::111122223333:user/ada no
ArnNotLike              aws:PrincipalArn arn:*:iam::*:user/* -     yes
BinaryEquals            some:key      QUJD           QUJD           yes
BinaryEquals            some:key      QUJD           QUJE           no
BinaryEquals            some:key      !              !              no
ForAllValues:StringEquals aws:TagKeys a|b            a              yes
ForAllValues:StringEquals aws:TagKeys a|b            a|b            yes
ForAllValues:StringEquals aws:TagKeys a|b            a|c            no
ForAllValues:StringEquals aws:TagKeys a|b            -              yes
ForAnyValue:StringEquals  aws:TagKeys a|b            a|c            yes
ForAnyValue:StringEquals  aws:TagKeys a|b            c|d            no
ForAnyValue:StringEquals  aws:TagKeys a|b            -              no
ForAnyValue:StringNotEquals aws:TagKeys a|b          a|c            yes
ForAnyValue:StringNotEquals aws:TagKeys a|b          a|b            no
ForAnyValue:StringNotEquals aws:TagKeys a|b          -              no
ForAllValues:StringNotEquals aws:TagKeys a|b         c|d            yes
ForAllValues:StringNotEquals aws:TagKeys a|b         a|d            no
ForAnyValue:StringEqualsIfExists aws:TagKeys a       -              maybe
ForAllValues:StringLikeIfExists aws:TagKeys a*       -              yes
ForAnyValue:Bool        some:flags    true           false|true     yes
StringEquals            aws:TagKeys   a              a|b            maybe
StringEqual             aws:username  ada            ada            maybe
stringequals            aws:username  ada            ada            maybe
NullIfExists            aws:username  true           -              maybe
StringLike              aws:PrincipalTag/team  ${aws:username}-*    ada-1    yes
StringLike              aws:PrincipalTag/team  ${aws:username}-*    bob-1    no
StringEquals            aws:PrincipalTag/team  ${aws:username}      ada      yes
StringEquals            aws:PrincipalTag/team  ${nobody:has}        ada      no
StringNotEquals         aws:PrincipalTag/team  ${nobody:has}        ada      yes
StringLike              aws:PrincipalTag/team  ${nobody:has,*'a*'}  ada      no
StringEquals            aws:PrincipalTag/team  ${nobody:has,'ada'}  ada      yes
StringLike              aws:PrincipalTag/team  ${nobody:knows}-*    ada-1    maybe
StringLike              aws:PrincipalTag/team  ${nobody:knows}-x    ada-1    no
StringEquals            aws:PrincipalTag/team  ${nobody:knows}      ada      maybe
StringNotLike           aws:PrincipalTag/team  ${nobody:knows}-x    ada-1    yes
StringLike              aws:PrincipalTag/team  ${nobody:knows}${nobody:has} ada no
StringEquals            aws:PrincipalTag/team  a*${aws:username}    a*ada    yes
StringEquals            aws:PrincipalTag/team  a*${aws:username}    axada    no
StringEquals            aws:PrincipalTag/team  ?${aws:username}     ?ada     yes
StringEquals            aws:PrincipalTag/team  ?${aws:username}     xada     no
StringLike              aws:PrincipalTag/team  ?-${aws:username}    x-ada    yes
StringLike              aws:PrincipalTag/team  ?-${aws:username}    xx-ada   no
StringLike              aws:PrincipalTag/team  *-${aws:username}    xx-ada   yes
StringLike              aws:PrincipalTag/team  ${aws:username}*     adam     yes
ArnLike                 aws:PrincipalArn  arn:aws:iam::11112222333?:user/${aws:username}  arn:aws:iam::111122223333:user/ada  yes
ArnLike                 aws:PrincipalArn  arn:aws:iam::11112222333?:user/ad?  arn:aws:iam::111122223333:user/ada  yes
ArnLike                 aws:PrincipalArn  arn:aws:iam::11112222333?:user/ad?  arn:aws:iam::111122223333:user/adam no
StringLike              aws:PrincipalTag/team  a${*}                a*       yes
StringLike              aws:PrincipalTag/team  a${*}                ada      no
StringLike              aws:PrincipalTag/team  a${?}${$}            a?$      yes
StringLike              aws:PrincipalTag/team  a${aws:username      a${aws:username yes
StringLike              aws:PrincipalTag/team  ${some:star}         ada      no
StringLike              aws:PrincipalTag/team  ${some:star}         *        yes
StringLike              aws:PrincipalTag/team  ${some:list}         ada      no
`

func TestConditions(t *testing.T) {
	base := NewContext().With("aws:username", "ada").With("some:star", "*").With("some:list", "ada", "bob").WithUnknown("nobody:knows")
	for _, row := range strings.Split(strings.TrimSpace(conditionRows), "\n") {
		f := strings.Fields(row)
		if len(f) != 5 {
			t.Fatalf("row %q has %d fields", row, len(f))
		}
		c := Condition{Operator: f[0], Key: f[1], Values: strings.Split(f[2], "|")}
		x := base
		switch f[3] {
		case "-":
			x = x.Without(f[1])
		case "?":
			x = x.WithUnknown(f[1])
		default:
			x = x.With(f[1], strings.Split(f[3], "|")...)
		}
		got, why := c.holds(x, true)
		if want := map[string]Tri{"yes": Yes, "no": No, "maybe": Maybe}[f[4]]; got != want {
			t.Errorf("%s: %v (%s)", row, got, why)
		}
		if (got == Maybe) != (why != "") {
			t.Errorf("%s: answer %v and reason %q", row, got, why)
		}
	}
}

// Without the version of 2012 a variable is text.
func TestVariablesNeedTheVersion(t *testing.T) {
	c := Condition{Operator: "StringLike", Key: "some:key", Values: []string{"${aws:username}"}}
	if got, _ := c.holds(NewContext().With("aws:username", "ada").With("some:key", "ada"), false); got != No {
		t.Errorf("the variable was put in: %v", got)
	}
	if got, _ := c.holds(NewContext().With("aws:username", "ada").With("some:key", "${aws:username}"), false); got != Yes {
		t.Errorf("the text does not match itself: %v", got)
	}
}

func TestTri(t *testing.T) {
	all := []Tri{No, Maybe, Yes}
	for _, a := range all {
		for _, b := range all {
			if got, want := and(a, b), all[min(rank(a), rank(b))]; got != want {
				t.Errorf("and(%v, %v) = %v, want %v", a, b, got, want)
			}
			if got, want := or(a, b), all[max(rank(a), rank(b))]; got != want {
				t.Errorf("or(%v, %v) = %v, want %v", a, b, got, want)
			}
		}
	}
}

func rank(t Tri) int { return map[Tri]int{No: 0, Maybe: 1, Yes: 2}[t] }

// ARN patterns, from the IAM user guide, Resource element.
func TestResourcePatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, arn string
		want         bool
	}{
		{"*", "arn:aws:s3:::b", true},
		{"arn:aws:iam::111122223333:user/accounting/*", "arn:aws:iam::111122223333:user/accounting/ada", true},
		{"arn:aws:iam::111122223333:user/accounting/*", "arn:aws:iam::111122223333:user/ada", false},
		{"arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test/3/object.jpg", true},
		{"arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket//test/object.jpg", true},
		{"arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1-test/object.jpg", false},
		{"arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/test/object.jpg", false},
		{"arn:aws:sns:*:111122223333:t", "arn:aws:sns:eu-north-1:111122223333:t", true},
		{"arn:aws:*", "arn:aws:sns:eu-north-1:111122223333:t", true},
		{"arn:aws:sns:*", "arn:aws:sns:eu-north-1:111122223333:t", true},
		{"arn:aws:sns:eu-*-1:111122223333:t", "arn:aws:sns:eu-north-1:111122223333:t", true},
		{"arn:aws:sns:eu*h-1:111122223333:t", "arn:aws:sns:eu-x:y:north-1:111122223333:t", false}, // not the last of its part: stays inside
		{"arn:aws:logs:eu-north-1:111122223333:log-group:a*z", "arn:aws:logs:eu-north-1:111122223333:log-group:a:b:z", true},
		{"arn:aws:iam::111122223333:user/a?a", "arn:aws:iam::111122223333:user/ada", true},
		{"arn:aws:iam::111122223333:user/Ada", "arn:aws:iam::111122223333:user/ada", false},
		{"", "arn:aws:iam::111122223333:user/ada", false},
		{"arn:*s:sns:eu-north-1:111122223333:t", "arn:aws:sns:eu-north-1:111122223333:t", true},
		{"arn:*s:sns:eu-north-1:111122223333:t", "arn:x:aws:sns:eu-north-1:111122223333:t", false}, // stays inside, too
		{"arn:a*:t", "arn:aws:sns:eu-north-1:111122223333:t", true},                                // the last of its part: reaches over colons
	} {
		if got := written(c.pattern).matchesARN(c.arn); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.arn, got)
		}
	}
}

func TestActions(t *testing.T) {
	for _, c := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "s3:GetObject", true}, {"S3:getobject", "s3:GetObject", true}, {"s3:Get*", "s3:GetObject", true}, {"s3:Get*", "s3:PutObject", false},
		{"*:*", "s3:GetObject", true}, {"s3:?etObject", "s3:GetObject", true}, {"s3", "s3:GetObject", false},
		{"S3:AZaz", "s3:azAZ", true}, {"s3:[", "s3:{", false}, {"s3:@", "s3:`", false}, {"", "s3:GetObject", false},
	} {
		if got := matchAction(c.pattern, c.action); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.action, got)
		}
	}
}
