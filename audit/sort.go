package audit

import "sort"

// SortStable sorts a list and keeps the order of what is equal. slices does the same
// and compiles a sort for each type of element: in the audit function that is more
// code than some of its AWS clients.
func SortStable[T any](list []T, compare func(a, b T) int) {
	sort.Stable(sorted[T]{list, compare})
}

type sorted[T any] struct {
	list    []T
	compare func(a, b T) int
}

func (s sorted[T]) Len() int           { return len(s.list) }
func (s sorted[T]) Less(i, j int) bool { return s.compare(s.list[i], s.list[j]) < 0 }
func (s sorted[T]) Swap(i, j int)      { s.list[i], s.list[j] = s.list[j], s.list[i] }
