package offline

import (
	"context"
	"errors"
	"fmt"

	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
)

// Journal is the record that a machine keeps of its own offline uses: a chain of its own,
// in a folder of one file an entry.
type Journal struct {
	Folder folder.Folder
	Door   string // in every entry; of no other machine
}

// tries is how often an entry is made anew because another process came first.
const tries = 5

// Enter appends an entry. When it returns nil the entry is on the disk. A record that
// does not hold together takes none: what is appended to it would prove nothing.
func (j Journal) Enter(ctx context.Context, e record.Entry) error {
	e.Door = j.Door
	var err error
	for range tries {
		var done bool
		if done, err = j.enter(ctx, e); done || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("the local record: other processes write to it all the time: %w", err)
}

// enter tells whether it is of use to try again.
func (j Journal) enter(ctx context.Context, e record.Entry) (done bool, err error) {
	_, report, err := j.Read()
	if err != nil {
		return true, err
	}
	line, _, err := record.Append(report.Entries, report.Hash, e)
	if err != nil {
		return true, fmt.Errorf("the local record refuses the entry: %w", err)
	}
	err = j.Folder.Append(ctx, report.Entries+1, [][]byte{line})
	if err == nil {
		return true, nil
	}
	if _, now, bad := j.Read(); bad == nil && now.Entries > report.Entries {
		return false, err
	}
	return true, err
}

// Read gives the lines, and what they say of themselves.
func (j Journal) Read() ([][]byte, record.Report, error) {
	lines, _, err := j.Folder.Read()
	if err != nil {
		return nil, record.Report{}, fmt.Errorf("the local record: %w", err)
	}
	report, err := record.Verify(j.Door, lines, nil, nil)
	if broken := (*record.Broken)(nil); errors.As(err, &broken) {
		return nil, report, fmt.Errorf("the local record %s does not hold together: %w; keep it as evidence, and name another folder with --record", j.Folder.Dir, err)
	}
	return lines, report, err
}

// Send copies what an archive has not got yet. It tells how many entries it sent.
func (j Journal) Send(ctx context.Context, to record.Archive) (sent int, err error) {
	lines, _, err := j.Read()
	if err != nil {
		return 0, err
	}
	next, after, err := to.Next(ctx)
	if err != nil {
		return 0, err
	}
	if next < 1 || next > int64(len(lines))+1 {
		return 0, fmt.Errorf("the archive has %d entries and this machine's record %d: it is another's archive, or entries were removed here", next-1, len(lines))
	}
	if next > 1 && record.Hash(lines[next-2]) != after {
		return 0, fmt.Errorf("the archive's entry %d is not this machine's: it is another's archive, or entries were written anew here", next-1)
	}
	if lines = lines[next-1:]; len(lines) == 0 {
		return 0, nil
	}
	return len(lines), to.Append(ctx, next, lines)
}
