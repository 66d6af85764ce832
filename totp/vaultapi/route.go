package vaultapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// goodName is a key's name as Vault's engine takes them, and not longer than a file's.
var goodName = regexp.MustCompile(`^\w([\w.@-]{0,126}\w)?$`)

type handler struct{ Server }

// request is one request on its way.
type request struct {
	*http.Request
	id    string
	now   time.Time
	token Token
	route string // as records say it
	name  string // the key's, "" where the path names none
	rest  string // what follows a path that names something
	body  fields
}

// route is what a method does at a path.
type route struct {
	name   string
	key    bool                     // the path names a key
	open   bool                     // nobody is asked for a token
	body   bool                     // there may be a body
	may    Right                    // on the key; "" is for who sees it
	unseen func(name string) answer // to who does not see the key; nil is denied
	serve  func(h *handler, ctx context.Context, q *request) answer
}

// routes are the methods of each path, the mount written as totp. PUT is POST, and GET
// with list=true is LIST.
var routes = map[string]map[string]route{
	"totp/keys": {
		"LIST": {name: "LIST keys", serve: (*handler).listKeys},
	},
	"totp/keys/": {
		"POST":   {name: "POST keys", key: true, body: true, may: Manage, serve: (*handler).writeKey},
		"GET":    {name: "GET keys", key: true, unseen: absent, serve: (*handler).readKey},
		"DELETE": {name: "DELETE keys", key: true, may: Manage, serve: (*handler).deleteKey},
	},
	"totp/code/": {
		"GET":  {name: "GET code", key: true, may: Read, unseen: unknownKey, serve: (*handler).readCode},
		"POST": {name: "POST code", key: true, body: true, may: Verify, unseen: unknownKey, serve: (*handler).checkCode},
	},
	"sys/mounts":              {"GET": {name: "GET sys/mounts", serve: (*handler).mounts}},
	"sys/mounts/":             {"GET": {name: "GET sys/mounts/PATH", serve: (*handler).mount}, "POST": {name: "POST sys/mounts/PATH", body: true, serve: (*handler).enable}, "DELETE": {name: "DELETE sys/mounts/PATH", serve: (*handler).disable}},
	"sys/internal/ui/mounts":  {"GET": {name: "GET sys/internal/ui/mounts", serve: (*handler).visibleMounts}},
	"sys/internal/ui/mounts/": {"GET": {name: "GET sys/internal/ui/mounts/PATH", serve: (*handler).preflight}},
	"sys/health":              {"GET": {name: "GET sys/health", open: true, serve: (*handler).health}, "HEAD": {name: "HEAD sys/health", open: true, serve: (*handler).health}},
	"sys/seal-status":         {"GET": {name: "GET sys/seal-status", open: true, serve: (*handler).sealStatus}},
	"sys/leader":              {"GET": {name: "GET sys/leader", open: true, serve: (*handler).leader}},
	"auth/token/lookup-self":  {"GET": {name: "GET auth/token/lookup-self", serve: (*handler).lookupSelf}},
}

func absent(string) answer { return nothing() }

// ServeHTTP answers a request when the record of it is kept.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r, id: requestID(), now: h.Now()}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a := h.answer(r.Context(), q).filled()
	if err := h.record(q, a); err != nil {
		a = failure(http.StatusServiceUnavailable, Failed, unrecorded)
	}
	a.write(w, q.id, h.Now())
}

const unrecorded = "the record of this request cannot be written, so it is not answered: whoever runs the server has to make room for it"

// requestID is a random UUID, as Vault's are.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// record keeps an entry, also when the caller has left meanwhile.
func (h *handler) record(q *request, a answer) error {
	return h.Audit.Record(context.WithoutCancel(q.Context()), Entry{
		Time: h.Now().UTC(), Request: q.id, Client: q.RemoteAddr, Token: q.token.Name, Route: q.route, Key: q.name,
		Outcome: a.outcome, Status: a.status, Step: a.step, Exported: a.exported, Reason: a.reason,
	})
}

// answer decides in this order: is the server meant, is there such a route, who asks,
// is it for them, what do they ask.
func (h *handler) answer(ctx context.Context, q *request) answer {
	if why := h.trusted(q.Request); why != "" {
		return failure(http.StatusForbidden, Denied, why)
	}
	methods, rest := h.find(q.URL.Path)
	to, known := methods[method(q.Request)]
	q.route, q.rest = "no route", rest
	if known {
		q.route = to.name
	}
	if to.key && goodName.MatchString(rest) {
		q.name = rest
	}
	if !known || !to.open { // what is not there is told to who has a token
		if a, ok := h.authenticate(ctx, q); !ok {
			return a
		}
	}
	switch {
	case methods == nil:
		return failure(http.StatusNotFound, NotFound, "no handler for this route: only Vault's totp engine is served, at "+h.Mount+"/")
	case !known:
		a := failure(http.StatusMethodNotAllowed, Refused, "unsupported operation")
		a.allow = allowed(methods)
		return a
	}
	if text := refusedHeader(q.Header); text != "" {
		return bad(text)
	}
	if a, ok := h.authorize(q, to); !ok {
		return a
	}
	if to.body {
		if a, ok := q.read(); !ok {
			return a
		}
	}
	return to.serve(h, ctx, q)
}

// find gives the methods of a path, and what follows a path that names something.
func (h *handler) find(path string) (methods map[string]route, rest string) {
	path, ok := strings.CutPrefix(path, "/v1/")
	if !ok {
		return nil, ""
	}
	path = strings.TrimSuffix(path, "/")
	if within, ok := strings.CutPrefix(path, h.Mount+"/"); ok {
		path = defaultMount + "/" + within
	} else if path == defaultMount || strings.HasPrefix(path, defaultMount+"/") {
		return nil, ""
	}
	if methods := routes[path]; methods != nil {
		return methods, ""
	}
	for prefix, methods := range routes {
		if rest, ok := strings.CutPrefix(path, prefix); ok && strings.HasSuffix(prefix, "/") && rest != "" {
			return methods, rest
		}
	}
	return nil, ""
}

func method(r *http.Request) string {
	if r.Method == http.MethodPut {
		return http.MethodPost
	}
	// hvac writes True, and Vault's own library true.
	if list, err := strconv.ParseBool(r.URL.Query().Get("list")); r.Method == http.MethodGet && err == nil && list {
		return "LIST"
	}
	return r.Method
}

func allowed(methods map[string]route) string {
	var all []string
	for m := range methods {
		all = append(all, m)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (h *handler) authenticate(ctx context.Context, q *request) (answer, bool) {
	all, err := h.Tokens.Tokens(ctx)
	if err != nil {
		return broken("the tokens cannot be read", err), false
	}
	t, ok := holder(all, presented(q.Request), q.now)
	if !ok {
		return denied(), false
	}
	q.token = t
	return answer{}, true
}

// refusedHeader names what a client relies on when it asks for it, and does not get.
func refusedHeader(h http.Header) string {
	switch {
	case strings.Trim(h.Get("X-Vault-Namespace"), "/") != "" && strings.Trim(h.Get("X-Vault-Namespace"), "/") != "root":
		return "there are no namespaces here: leave X-Vault-Namespace (VAULT_NAMESPACE, -namespace) out"
	case h.Get("X-Vault-Wrap-TTL") != "" && h.Get("X-Vault-Wrap-TTL") != "0":
		return "answers are not wrapped here: leave X-Vault-Wrap-TTL (VAULT_WRAP_TTL, -wrap-ttl) out"
	}
	return ""
}

// authorize asks whether the token may. What it does not see it cannot tell from what is
// not there.
func (h *handler) authorize(q *request, to route) (answer, bool) {
	switch {
	case !to.key:
		return answer{}, true
	case q.name == "":
		return bad("a key's name is made of at most 128 letters, digits, dots, dashes and at signs, and begins and ends with a letter or a digit"), false
	case to.unseen != nil && !q.token.sees(q.name):
		return to.unseen(q.name), false
	case to.may != "" && !q.token.may(q.name, to.may):
		return denied(), false
	}
	return answer{}, true
}
