package collect

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

func TestStatus(t *testing.T) {
	for want, a := range map[string]types.Account{
		"SUSPENDED": {State: types.AccountStateSuspended, Status: types.AccountStatusActive}, "ACTIVE": {Status: types.AccountStatusActive}, "": {},
	} {
		if got := status(a); got != want {
			t.Errorf("status of %+v is %q, want %q", a, got, want)
		}
	}
}
