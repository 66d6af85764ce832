package vaultapi

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// What Vault's clients ask beside the engine. Nothing here changes anything: the engine
// is mounted as long as the server runs.

// described is the one mount.
func (h *handler) described() map[string]any {
	return map[string]any{
		"type": "totp", "description": "mfawatch", "accessor": "totp_mfawatch", "uuid": "", "local": true, "seal_wrap": false,
		"external_entropy_access": false, "options": nil, "plugin_version": "", "running_plugin_version": h.Version, "running_sha256": "",
		"config": map[string]any{"default_lease_ttl": 0, "max_lease_ttl": 0, "force_no_cache": false},
	}
}

func (h *handler) mounts(context.Context, *request) answer {
	return answer{data: map[string]any{h.Mount + "/": h.described()}}
}

func (h *handler) mount(_ context.Context, q *request) answer {
	if q.rest != h.Mount {
		return bad("No secret engine mount at that path: only " + h.Mount + "/ is there")
	}
	return answer{data: h.described()}
}

// enable answers that the engine is there. Vault would refuse the second time, and here
// there is no first.
func (h *handler) enable(_ context.Context, q *request) answer {
	kind := q.body.text("type", "")
	switch {
	case q.body.err != nil:
		return bad(q.body.err.Error())
	case kind != "totp":
		return bad("only engines of type totp can be enabled here")
	case q.rest != h.Mount:
		return bad("the engine is at " + h.Mount + "/ and nowhere else: enable it there, or start the server with another mount")
	}
	return answer{}
}

func (h *handler) disable(_ context.Context, q *request) answer {
	if q.rest != h.Mount {
		return bad("No secret engine mount at that path: only " + h.Mount + "/ is there")
	}
	return bad("disabling the engine would delete every key: delete keys one by one, or stop the server, which deletes none")
}

func (h *handler) visibleMounts(context.Context, *request) answer {
	return answer{data: map[string]any{"auth": map[string]any{}, "secret": map[string]any{h.Mount + "/": h.described()}}}
}

// preflight tells which mount a path is in.
func (h *handler) preflight(_ context.Context, q *request) answer {
	if q.rest != h.Mount && !strings.HasPrefix(q.rest, h.Mount+"/") {
		return failure(http.StatusForbidden, Denied, "preflight capability check returned 403, please ensure client's policies grant access to this path")
	}
	data := h.described()
	data["path"] = h.Mount + "/"
	return answer{data: data}
}

func (h *handler) health(_ context.Context, q *request) answer {
	return answer{bare: map[string]any{
		"initialized": true, "sealed": false, "standby": false, "performance_standby": false, "enterprise": false,
		"replication_performance_mode": "disabled", "replication_dr_mode": "disabled",
		"server_time_utc": q.now.Unix(), "version": h.Version, "cluster_name": "mfawatch",
	}}
}

func (h *handler) sealStatus(context.Context, *request) answer {
	return answer{bare: map[string]any{
		"type": "mfawatch", "initialized": true, "sealed": false, "t": 0, "n": 0, "progress": 0, "nonce": "",
		"version": h.Version, "build_date": "", "migration": false, "recovery_seal": false, "storage_type": "mfawatch",
	}}
}

func (h *handler) leader(context.Context, *request) answer {
	return answer{bare: map[string]any{"ha_enabled": false, "is_self": false, "leader_address": "", "leader_cluster_address": ""}}
}

// lookupSelf tells a token about itself. The id is the token: vault login reads it from
// here.
func (h *handler) lookupSelf(_ context.Context, q *request) answer {
	data := map[string]any{
		"id": presented(q.Request), "display_name": q.token.Name, "accessor": "", "type": "service", "path": "auth/token/create",
		"policies": q.token.policies(), "meta": nil, "num_uses": 0, "orphan": true, "renewable": false, "entity_id": "",
		"creation_time": 0, "creation_ttl": 0, "explicit_max_ttl": 0, "ttl": 0, "expire_time": nil,
	}
	if t := q.token.Expires; !t.IsZero() {
		data["expire_time"], data["ttl"] = t.UTC().Format(time.RFC3339), int64(t.Sub(q.now)/time.Second)
	}
	return answer{data: data}
}

// policies are the grants in words: read on KEY.
func (t Token) policies() []string {
	var all []string
	for _, g := range t.Grants {
		for _, r := range g.Rights {
			all = append(all, string(r)+" "+g.Key)
		}
	}
	return all
}
