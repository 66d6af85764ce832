package main

import (
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/enforce/reach"
)

func analyse(s *audit.Snapshot) reach.Report {
	return reach.Analyse(s, func(u *audit.User) reach.Holds { return holdings[u.ID[len(u.ID)-1]] })
}

// Eight times the users cost eight times as much, not sixty-four.
func TestEnforcementGrowsWithItsUsers(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	few, many := largeAccount(300), largeAccount(2400)
	short, err := cpu(func() error { analyse(&few); return nil })
	if err != nil {
		t.Fatal(err)
	}
	long, err := cpu(func() error { analyse(&many); return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("300 users in %v, 2,400 in %v of processor time", short, long)
	if long > 24*short { // the square would be 64 times
		t.Errorf("300 users took %v, 2,400 took %v", short, long)
	}
}

// The invented account is one in which there is something to find and something that is
// held: a figure for one that is all open, or all shut, says nothing.
func TestTheInventedAccountIsMixed(t *testing.T) {
	s := largeAccount(40)
	open, shut, roles := 0, 0, 0
	for _, u := range analyse(&s).Users {
		for _, session := range u.Sessions {
			switch session.Anything() {
			case reach.Yes:
				open++
			case reach.No:
				shut++
			}
			roles += len(session.Of(reach.Roles))
		}
	}
	if open == 0 || shut == 0 || roles == 0 {
		t.Errorf("%d sessions open, %d shut, %d roles assumed: want some of each", open, shut, roles)
	}
}

func BenchmarkEnforcement(b *testing.B) {
	s := largeAccount(5000)
	for b.Loop() {
		analyse(&s)
	}
}
