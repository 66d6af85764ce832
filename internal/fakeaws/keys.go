package fakeaws

import (
	"net/http"
	"slices"
)

// keyed are the calls that change access keys.
var keyed = []string{"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"}

// userKeys is how many access keys a user has at most (IAM user guide, quotas).
const userKeys = 2

// changeKey answers them. The secret of a key is SecretOf/ and its id.
func (s *Server) changeKey(q *request) (string, *refusal) {
	u, no := q.named(false)
	if no != nil {
		return "", no
	}
	if q.action == "CreateAccessKey" {
		return s.createKey(q.account, u)
	}
	id := q.form.Get("AccessKeyId")
	at := slices.IndexFunc(u.Keys, func(k Key) bool { return k.ID == id })
	if at < 0 {
		return "", refuse(http.StatusNotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", id)
	}
	if q.action == "DeleteAccessKey" {
		u.Keys = slices.Delete(u.Keys, at, at+1)
		return "", nil
	}
	switch status := q.form.Get("Status"); status {
	case "Active", "Inactive":
		u.Keys[at].Inactive = status == "Inactive"
	default:
		return "", invalid(status, "status", "Member must satisfy enum value set: [Active, Inactive]")
	}
	return "", nil
}

func (s *Server) createKey(a *Account, u *User) (string, *refusal) {
	if len(u.Keys) >= userKeys {
		return "", refuse(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", userKeys)
	}
	k := a.Key()
	k.Created = s.Now().UTC()
	u.Keys = append(u.Keys, k)
	inner := element("UserName", u.Name) + element("AccessKeyId", k.ID) + element("Status", "Active") + element("SecretAccessKey", "SecretOf/"+k.ID) + date("CreateDate", k.Created)
	return wrap("CreateAccessKeyResult", wrap("AccessKey", inner)), nil
}
