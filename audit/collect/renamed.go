package collect

import (
	"context"
	"slices"

	"mfawatch/audit"
)

// deletedMeanwhile is the reason of a user who was listed and then was no more.
// Such a user is not in the snapshot: a no of the report is no fact about them.
const deletedMeanwhile = "the user was deleted meanwhile"

// namelessMeanwhile is the reason of a user who may still be there, under a name
// that is not known.
const namelessMeanwhile = "the user answered under no name: renamed or deleted meanwhile"

// searches bounds how often users are looked for who had been renamed when they
// were asked: somebody may do that again and again, to hide.
const searches = 3

// askAll asks for users until each has answered under their own name, or was
// deleted. A user who is asked and not known by that name was one or the other,
// and only the list of users tells which: ids do not change (IAM user guide,
// identifiers).
func (a *asker) askAll(ctx context.Context) error {
	err := a.askRound(ctx, a.tasks)
	for range searches {
		if err != nil || len(a.missing) == 0 {
			return err
		}
		users, refused := a.listUsers(ctx)
		if refused != nil {
			return a.unlisted(ctx, refused)
		}
		err = a.askRound(ctx, a.again(users))
	}
	if err == nil {
		a.nameless("")
	}
	return err
}

// unlisted is that nobody tells who the missing are.
func (a *asker) unlisted(ctx context.Context, err error) error {
	if _, fatal := explain(ctx, usersCall, err); fatal != nil {
		return fatal
	}
	a.nameless(usersCall)
	return nil
}

// again plans anew for users whose name is not the one they were asked by, the
// missing among them, and drops those who are gone.
func (a *asker) again(listed []audit.User) []task {
	now := map[string]audit.User{}
	for _, u := range listed {
		now[u.ID] = u
	}
	var kept, again []task
	p := a.planner()
	for _, t := range a.tasks {
		u, exists := now[t.user.ID]
		switch {
		case !exists:
			a.drop(t.user.ID)
		case !a.missing[u.ID] && u.Name == t.user.Name:
			kept = append(kept, t)
		default:
			a.rename(t.index, u)
			again = append(again, p.task(t.index, nil))
		}
	}
	a.tasks = slices.Concat(kept, again)
	return again
}

func (a *asker) drop(id string) {
	a.gone[id] = true
	a.forget(id)
	a.gaps = append(a.gaps, audit.FactMFADevices.Gap(id, deletedMeanwhile))
}

// rename gives a user the name they have now, and forgets what was told under
// the other one.
func (a *asker) rename(i int, now audit.User) {
	a.forget(now.ID)
	u := &a.s.Users.Value[i]
	for _, d := range devicesOf(u) {
		a.forget(d.Serial)
	}
	u.Name, u.ARN, u.Path = now.Name, now.ARN, now.Path
	u.MFADevices, u.LoginProfile, u.AccessKeys = nil, nil, nil
}

// forget removes the gaps about a subject.
func (a *asker) forget(subject string) {
	a.gaps = slices.DeleteFunc(a.gaps, func(g audit.Gap) bool { return g.Subject == subject })
}

// nameless keeps the missing, with gaps for what was asked of them and for their
// row of the report, which is of a name that is theirs no more. Action, where
// given, is what has to be allowed to tell.
func (a *asker) nameless(action string) {
	for _, t := range a.tasks {
		if !a.missing[t.user.ID] {
			continue
		}
		u := &a.s.Users.Value[t.index]
		u.MFADevices, u.LoginProfile, u.AccessKeys = nil, nil, nil
		for _, fact := range []audit.Fact{audit.FactCredentialReport, audit.FactMFADevices, audit.FactLoginProfile, audit.FactAccessKeys} {
			g := fact.Gap(u.ID, namelessMeanwhile)
			if action != "" {
				g.Action = action
			}
			a.gaps = append(a.gaps, g)
		}
	}
}
