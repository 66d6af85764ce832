package config

import "strings"

// arn is an ARN in its parts.
type arn struct{ partition, service, region, account, resource string }

// parseARN takes an ARN apart that the schema accepted.
func parseARN(text string) arn {
	p := append(strings.SplitN(text, ":", 6), "", "", "", "", "", "")
	return arn{p[1], p[2], p[3], p[4], p[5]}
}
