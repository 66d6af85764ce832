package fakeaws

import "net/http"

// Fault is a refusal that a test stages.
type Fault struct {
	Account string // empty: any
	Action  string // iam:ListMFADevices; empty: any
	User    string // the UserName parameter; empty: any
	Region  string // empty: any
	Key     string // as in a Call; empty: any
	Status  int
	Code    string
	Message string
	OffXML  bool // a body in a shape that SDKs read no code from
	After   int  // answer so many calls first
	Times   int  // then refuse so many; 0: all
	seen    int
}

// Fault stages a refusal. The first that fits a request decides.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Mend takes every staged refusal back.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Denied refuses an action as IAM does without a permission.
func Denied(action string) Fault {
	return Fault{Action: action, Status: http.StatusForbidden, Code: "AccessDenied",
		Message: "User: arn:aws:iam::111122223333:user/auditor is not authorized to perform: " + action + " on resource: * because no identity-based policy allows the " + action + " action"}
}

// DeniedByPolicy refuses an action as IAM does when a policy of this sort says
// Deny: identity-based policy, service control policy, permissions boundary.
func DeniedByPolicy(action, sort string) Fault {
	f := Denied(action)
	f.Message = "User: arn:aws:iam::111122223333:user/auditor is not authorized to perform: " + action + " on resource: * with an explicit deny in a " + sort
	return f
}

// Throttled refuses the first calls of an action as IAM does under load; 0 is
// all of them.
func Throttled(action string, times int) Fault {
	return Fault{Action: action, Status: http.StatusBadRequest, Code: "Throttling", Message: "Rate exceeded", Times: times}
}

// Broken answers an action with an error of the server.
func Broken(action string, times int) Fault {
	return Fault{Action: action, Status: http.StatusInternalServerError, Code: "ServiceFailure", Message: "Request processing failed because of an unknown error.", Times: times}
}

// fault finds the staged refusal of a call; it is called with the lock held.
func (s *Server) fault(c Call) *refusal {
	for _, f := range s.faults {
		if !f.fits(c) {
			continue
		}
		f.seen++
		if f.seen <= f.After || f.Times > 0 && f.seen > f.After+f.Times {
			continue
		}
		return &refusal{status: f.Status, code: f.Code, message: f.Message, off: f.OffXML}
	}
	return nil
}

func (f *Fault) fits(c Call) bool {
	return (f.Action == "" || f.Action == c.Action) && (f.Account == "" || f.Account == c.Account) && (f.User == "" || f.User == c.User) &&
		(f.Region == "" || f.Region == c.Region) && (f.Key == "" || f.Key == c.Key)
}
