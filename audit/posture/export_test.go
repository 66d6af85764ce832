package posture

import "mfawatch/audit"

// Evaluate is what Judge finds.
func Evaluate(s audit.Snapshot, rules Rules) []audit.Finding {
	return look(&s, rules.settle()).evaluate()
}
