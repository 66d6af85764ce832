package collect

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"mfawatch/audit"
)

// refusal is an answer that AWS did not give, by what a file shows. Without whom
// it is why the fact is missing for whoever it is missing for.
type refusal struct {
	fact   audit.Fact
	whom   string
	file   string
	reason string
	gone   bool // AWS says that there is no such user
}

// failure is what the CLI printed in an answer's place.
type failure struct {
	code, operation, message string // of AWS; empty where AWS was not reached
}

var awsError = regexp.MustCompile(`An error occurred \(([\w.]+)\) when calling the (\w+) operation[^:]*: ?([^\n]*)`)

// cliFailures are how the CLI begins what it says of itself.
var cliFailures = []string{
	"aws: ", "usage: ", "Unable to locate credentials", "Partial credentials", "Could not connect", "Connect timeout", "Read timeout",
	"Error when retrieving", "Error loading SSO", "The config profile", "You must specify a region", "SSL validation failed", "The SSO session",
	"Unknown output", "Your session has expired", "Token has expired", "Error: ", "An HTTP Client raised",
}

// cliFailure tells an error of the CLI, which 2>&1 brings into the file.
func cliFailure(text []byte) (failure, bool) {
	if m := awsError.FindSubmatch(text); m != nil {
		return failure{code: string(m[1]), operation: string(m[2]), message: string(m[3])}, true
	}
	for _, start := range cliFailures {
		if bytes.HasPrefix(text, []byte(start)) {
			return failure{}, true
		}
	}
	return failure{}, false
}

// refuse takes in a file that has no answer: AWS's error says of what and of
// whom, else the file's name.
func (im *importer) refuse(f exportFile, e failure) error {
	kind, whom, named := byName(f.name)
	for _, k := range exports() {
		if k.operation == e.operation && e.operation != "" {
			if k.name != kind.name {
				whom = ""
			}
			kind, named = k, true
		}
	}
	if kind.ofUsers() {
		whom = e.holder(whom)
	}
	switch {
	case !named || kind.operation == "":
		return fmt.Errorf("%s %s, and neither its content nor its name tells which answer is missing: export it again, or remove it", f.name, e.says())
	case e.isAnswer(kind) && (whom != "" || !kind.single()):
		return im.negative(f, kind, whom)
	}
	im.lacks(kind, refusal{whom: whom, file: f.name, reason: f.name + " " + e.says(), gone: e.isGone()})
	return nil
}

// lacks notes why what a kind of file tells is missing.
func (im *importer) lacks(kind export, r refusal) {
	im.above.lacks(kind, r)
	for _, fact := range kind.facts {
		r.fact = fact
		im.refused = append(im.refused, r)
	}
}

// says words the failure. AWS's own message may hold the caller's ARN and stays
// out.
func (e failure) says() string {
	switch {
	case e.code != "":
		return "holds the error " + e.code
	case e.operation == "" && e.message == "":
		return "holds no answer, as a command that failed leaves it"
	}
	return "holds an error"
}

// isAnswer tells the errors that are facts: no console password, no
// organisation.
func (e failure) isAnswer(kind export) bool {
	return kind.name == profileExport && e.code == "NoSuchEntity" && !e.isGone() ||
		kind.name == featuresExport && strings.HasPrefix(e.code, "OrganizationNotFound")
}

// isGone tells that the user was deleted before the question.
func (e failure) isGone() bool {
	return e.code == "NoSuchEntity" && strings.Contains(e.message, "user with name")
}

func (im *importer) negative(f exportFile, kind export, whom string) error {
	if kind.name == profileExport {
		return im.profiles.put(whom, audit.LoginProfile{}, f)
	}
	return im.features.put("", audit.OrganizationFeatures{Enabled: []string{}}, f)
}

// about finds the user in AWS's messages: "Login Profile for User ada cannot be
// found.", "The user with name ada cannot be found.", "… on resource: user ada
// because …", "… on resource: arn:aws:iam::111122223333:user/path/ada because …".
var about = regexp.MustCompile(`(?:Login Profile for User |user with name |on resource: user |on resource: arn:[^: ]+:iam::\d+:user/(?:[^ ]*/)?)([\w+=,.@-]+)`)

// holder is whom the error is about: whom AWS names, else whom the file does.
func (e failure) holder(byFile string) string {
	said := e.whom()
	switch {
	case said == "":
		return byFile
	case said == "root" && byFile == rootHolder:
		return rootNamed
	}
	return said
}

func (e failure) whom() string {
	if m := about.FindStringSubmatch(e.message); m != nil {
		return m[1]
	}
	return ""
}
