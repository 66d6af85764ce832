package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"mfawatch/audit"
)

// quota is how long a document may be (IAM and Organizations quotas).
type quota struct {
	characters int
	raised     int    // what AWS raises it to; 0 where it does not
	says       string // what has the quota
	saved      bool   // white space counts, unless the console takes it out
}

// quotas are those of the kinds. An identity policy is taken for a managed one,
// which has more room than a user's inline policies and a group's.
var quotas = map[Kind]quota{
	Identity: {6144, 0, "a managed policy", false}, Boundary: {6144, 0, "a managed policy", false},
	Role: {10240, 0, "a role's inline policies together", false}, Trust: {2048, 8192, "a role's trust policy", false},
	SCP: {10240, 0, "a service control policy", true}, RCP: {5120, 0, "a resource control policy", true},
}

// length holds a document's text against the quota of its kind.
func (f *finder) length(text string) {
	q, limited := quotas[f.kind]
	var compact bytes.Buffer
	if !limited || json.Compact(&compact, []byte(text)) != nil {
		return
	}
	least, saved := utf8.RuneCount(compact.Bytes()), utf8.RuneCountInString(text)
	said := least
	if q.saved {
		said = saved
	}
	if said <= q.characters {
		return
	}
	found := f.add(idLong, nil, 1, fmt.Sprintf("%d characters; %s has %d", said, q.says, q.characters), "")
	if least <= max(q.characters, q.raised) {
		found.Severity = audit.Low
	}
}
