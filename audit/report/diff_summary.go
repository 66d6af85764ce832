package report

// Headline is what an audit comes to, in one or two sentences for a person. It
// is calming only when every account was judged and no check failed or is
// without an answer.
func Headline(a Audit) string {
	text, _ := auditHeadline(a)
	return text
}
