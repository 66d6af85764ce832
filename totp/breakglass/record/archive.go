package record

import "context"

// Archive keeps copies of a record for evidence, apart from the store that the door
// uses: a folder, a bucket with Object Lock.
type Archive interface {
	// Next is the number of the first entry that is not there, and the hash of the one
	// before it: Start where there is none.
	Next(ctx context.Context) (next int64, after string, err error)
	// Append keeps lines from entry first on, which is Next's answer, all of them or
	// none. What is there is never replaced: the same lines again are no error, and
	// others are.
	Append(ctx context.Context, first int64, lines [][]byte) error
	// AppendHead keeps a signed head, beside those that are there, be it that one says
	// something else of the same entry.
	AppendHead(ctx context.Context, s Signed) error
}
