package seal

// Stepping has a store tell each step of a rotation.
func (s *Store) Stepping(step func(string)) { s.step = step }

// FileName is the name of an id's file.
var FileName = fileName

// Parse reads a header.
var Parse = parse
