package breakglass

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mfawatch/totp/breakglass/record"
)

// ErrRestored is an archive that has entries which the store has not, or has others in
// their place. Nothing is archived then: what the archive says stays.
var ErrRestored = errors.New("the archive is ahead of or differs from the table: the table was restored, or edited; see docs/break-glass.md, Restore")

// restored is what the record has said of such an archive.
type restored struct {
	End  string // the archive's last entry
	Told int64  // the entry that says so
}

// Archive signs a head where one is due, and copies what an archive has not got: the
// entries, and the newest head when all that it vouches for is there. Where the archive
// has another record than the store, the store's record says so once, a head of what it
// says in an entry's place goes into the archive as evidence, and each call is
// ErrRestored.
func (d *Door) Archive(ctx context.Context, to record.Archive, s record.Signer, now time.Time) error {
	if _, _, err := d.SignHead(ctx, s, false, now); err != nil {
		return err
	}
	if err := d.archiveLines(ctx, to, s, now); err != nil {
		return err
	}
	head, there, err := d.Head(ctx)
	if err != nil || !there {
		return err
	}
	return to.AppendHead(ctx, head)
}

// archiveLines copies entries until there are no more. The store is looked at after the
// archive, so it has all that any archiving has copied.
func (d *Door) archiveLines(ctx context.Context, to record.Archive, s record.Signer, now time.Time) error {
	for {
		next, after, err := to.Next(ctx)
		if err != nil {
			return err
		}
		lines, err := d.Lines(ctx, max(next-1, 1), mostRows)
		if err != nil {
			return err
		}
		if next > 1 {
			if len(lines) == 0 || record.Hash(lines[0]) != after {
				return d.wasRestored(ctx, to, s, next-1, after, now)
			}
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return nil
		}
		if err := follow(after, lines); err != nil {
			return err
		}
		if err := to.Append(ctx, next, lines); err != nil {
			return err
		}
	}
}

// follow tells whether lines are a chain after an entry. What was edited in the table
// would make an archive that is broken from there on.
func follow(after string, lines [][]byte) error {
	for _, line := range lines {
		e, err := record.Parse(line)
		if err != nil {
			return fmt.Errorf("the table's record: %w: %w", err, ErrRestored)
		}
		if e.Prev != after {
			return fmt.Errorf("the table's record: entry %d does not follow the one before it: %w", e.Seq, ErrRestored)
		}
		after = record.Hash(line)
	}
	return nil
}

// wasRestored tells of an archive whose last entry is not the store's, and keeps evidence.
func (d *Door) wasRestored(ctx context.Context, to record.Archive, s record.Signer, last int64, end string, now time.Time) error {
	told, err := d.tellRestored(ctx, last, end, now)
	if err == nil {
		err = d.keepEvidence(ctx, to, s, min(told, last))
	}
	return errors.Join(fmt.Errorf("the archive's last entry is %d: %w", last, ErrRestored), err)
}

// tellRestored appends the entry, once of each end of an archive.
func (d *Door) tellRestored(ctx context.Context, last int64, end string, now time.Time) (told int64, err error) {
	k, err := d.desk(ctx)
	if err != nil || k.Restored.End == end {
		return k.Restored.Told, err
	}
	err = d.turn(ctx, now, func(t *turn) error {
		if t.desk.Restored.End != end {
			e := record.Entry{What: record.Restored, Outcome: record.Failed, Reason: "the archive's last entry is not in the table", Facts: map[record.Fact]string{record.Count: fmt.Sprint(last)}}
			if err := t.enter(e); err != nil {
				return err
			}
			t.desk.Restored = restored{end, t.desk.Seq}
		}
		told = t.desk.Restored.Told
		return nil
	})
	return told, err
}

// keepEvidence signs what the store has in the place of an entry that the archive has too,
// and adds it to the archive's heads, where record.Verify finds two that do not agree.
// It is the same each time.
func (d *Door) keepEvidence(ctx context.Context, to record.Archive, s record.Signer, seq int64) error {
	line, err := d.row(ctx, entryKey(seq))
	if err != nil {
		return err
	}
	e, err := record.Parse(line)
	if err != nil {
		return err
	}
	head, err := record.Sign(ctx, s, d.Rules.Door, seq, record.Hash(line), e.At)
	if err != nil {
		return err
	}
	return to.AppendHead(ctx, head)
}
