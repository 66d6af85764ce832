package compiled

import "strings"

// Sealed is content in an envelope that is right.
func Sealed(content []byte) []byte { return seal(content, strings.Repeat("ab", 32)) }
