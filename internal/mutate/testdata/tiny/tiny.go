// Package tiny is what mutate's own tests change.
package tiny

import "strings"

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

type exam struct {
	kind  string
	about string
	tries int
}

// Sort tells what sort of exam a code stands for.
func Sort(code string) exam {
	switch code {
	case "":
		return exam{kind: "none"}
	case "W", "WW":
		return exam{kind: "written", about: "written by hand, with a pen", tries: max(2, len(code))}
	}
	if !strings.HasPrefix(code, "O") && code[0] != 'o' {
		return exam{kind: names[Failed], tries: len(code) - 1}
	}
	return exam{kind: "oral"}
}
