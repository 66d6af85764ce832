package main

import (
	"math/rand/v2"
	"slices"
	"sync"

	"mfawatch/functions/delivery/deliverytest"
)

// hazards is what goes wrong, and the count of it.
type hazards struct {
	likely float64
	must   []string // the steps at which a process is to be killed; there faults are eager
	mu     sync.Mutex
	random *rand.Rand
	calls  int
	faults map[deliverytest.Fault]int
	at     map[string]int // faults by step
	beside int            // kills of a process that may have been publishing beside the step
}

// eager is how likely a fault is at a step where it has not been yet, as a
// multiple, so that rare steps meet them all.
const eager = 12

// draw draws what goes wrong at a step; often is how much rarer that is than
// likely says, for steps that come in thousands. What has not been at a step that
// must meet it comes first there, a kill before anything.
func (h *hazards) draw(step string, often float64) deliverytest.Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	all := deliverytest.Faults()
	f, chance := all[h.random.IntN(len(all))], h.likely/often
	for _, missing := range all {
		if slices.Contains(h.must, step) && h.at[at(step, missing)] == 0 {
			f, chance = missing, h.likely*eager // the kills are the last ones
		}
	}
	if h.random.Float64() >= chance {
		return deliverytest.None
	}
	h.count(step, f)
	return f
}

// again counts a fault that goes on.
func (h *hazards) again(step string, f deliverytest.Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	h.count(step, f)
}

func (h *hazards) count(step string, f deliverytest.Fault) {
	h.faults[f]++
	h.at[at(step, f)]++
}

// oneIn is true one time in n.
func (h *hazards) oneIn(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.random.IntN(n) == 0
}

func at(step string, f deliverytest.Fault) string { return step + " " + string(f) }

func kill(f deliverytest.Fault) bool {
	return f == deliverytest.KillBefore || f == deliverytest.KillAfter
}

func (h *hazards) kills() int {
	return h.faults[deliverytest.KillBefore] + h.faults[deliverytest.KillAfter]
}

// unknowable counts the faults after which nobody can know that people were
// told: between publishing and its mark.
func (h *hazards) unknowable() int {
	n := h.beside
	for _, f := range []string{
		at("topic.publish", deliverytest.LostAnswer), at("topic.publish", deliverytest.KillAfter),
		at("claims.send", deliverytest.KillBefore), at("claims.send", deliverytest.KillAfter),
	} {
		n += h.at[f]
	}
	return n
}

// deleteStep is the queue's own step: deleting what was handled.
const deleteStep = "queue.delete"

// killedBeside counts a kill at a step beside which the process may have been
// publishing. Kills at publishing and marking are counted already.
func (h *hazards) killedBeside(step string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if step != "topic.publish" && step != "claims.send" {
		h.beside++
	}
}
