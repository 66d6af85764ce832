package explain

// overlap tells whether two patterns with * and ? have a text in common.
func overlap(a, b string) bool {
	reached := make([]bool, len(b)+1)
	reached[0] = true
	skip(reached, b)
	for i := range len(a) {
		next := make([]bool, len(b)+1)
		for j := range reached {
			if !reached[j] {
				continue
			}
			if a[i] == '*' {
				for k := j; k <= len(b); k++ { // a's star takes whatever b has
					next[k] = true
				}
				continue
			}
			if j == len(b) {
				continue
			}
			switch {
			case b[j] == '*':
				next[j] = true // b's star takes this letter
			case b[j] == '?' || a[i] == '?' || a[i] == b[j]:
				next[j+1] = true
			}
		}
		skip(next, b)
		reached = next
	}
	return reached[len(b)]
}

// skip lets b's stars be empty.
func skip(reached []bool, b string) {
	for j := range len(b) {
		if reached[j] && b[j] == '*' {
			reached[j+1] = true
		}
	}
}
