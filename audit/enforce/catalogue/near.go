package catalogue

import "strings"

// Nearest is the name of a list that a text is most likely meant for: one that
// differs by two letters at the most, of short names by one.
func Nearest(text string, names []string) string {
	if len(text) > 64 {
		return ""
	}
	const far = 3
	best, least := "", far
	for _, name := range names {
		d := distance(strings.ToLower(text), strings.ToLower(name), far)
		if d < least || d == least && d < far && name < best {
			best, least = name, d
		}
	}
	if least > 1 && len(text) < 8 {
		return ""
	}
	return best
}

// distance is how many letters must be put in, left out, changed or swapped with
// their neighbour; anything from limit on is limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return min(last[len(b)], limit)
}
