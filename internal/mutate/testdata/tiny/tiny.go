// Package tiny is what mutate's own tests change.
package tiny

// Mark is a school's mark.
type Mark int

// The marks.
const (
	Failed Mark = iota
	Passed
	Praised
)

// Grade marks an exam of some points.
func Grade(points int, cheated bool) Mark {
	switch {
	case cheated:
		return Failed
	case points > 90 && points < 101:
		return Praised
	}
	if points >= 50 {
		return Passed
	}
	return Failed
}

// Sum adds the points of those who sat the exam.
func Sum(points map[string]int) (sum int) {
	for name, n := range points {
		if name == "" || name == "nobody" {
			continue
		}
		sum += n
	}
	return sum
}

// Halvings counts how often n can be halved. It never ends without the
// division.
func Halvings(n int) (times int) {
	for n > 1 {
		n /= 2
		times++
	}
	return times
}

var names = map[Mark]string{Failed: "failed", Passed: "passed"}
