package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"time"
)

// trailBucket holds the trail's files.
const trailBucket = "trail"

// perFile is how many sign-ins a file of the trail holds.
const perFile = 250

// trailFile is a file of the trail.
type trailFile struct {
	key  string
	body []byte
	last int  // the newest of its events, as an index
	told bool // the hot path is told of it
}

// trailFiles puts every event into a file of the trail. What the hot path never
// sees has files of its own; of one in three of the others it is told.
func trailFiles(events []event, r *rand.Rand) []trailFile {
	var files []trailFile
	var seen, lost []*event
	for i := range events {
		e := &events[i]
		if e.lost {
			lost = append(lost, e)
		} else {
			seen = append(seen, e)
		}
		if len(seen) < perFile && i < len(events)-1 {
			continue
		}
		if len(lost) > 0 {
			files = append(files, trailFile{trailKey(e.at, 2*i), pressed(lost), i, false})
		}
		if len(seen) > 0 {
			f := trailFile{trailKey(e.at, 2*i+1), pressed(seen), i, r.IntN(3) == 0}
			if f.told {
				seen[len(seen)-1].closes = f.key
			}
			files = append(files, f)
		}
		seen, lost = nil, nil
	}
	return files
}

// trailKey is named as CloudTrail names files (CloudTrail user guide, log file
// names).
func trailKey(at time.Time, n int) string {
	return fmt.Sprintf("AWSLogs/%s/CloudTrail/us-east-1/%s/%s_CloudTrail_us-east-1_%s_%016x.json.gz", account, at.Format("2006/01/02"), account, at.Format("20060102T1504Z"), n)
}

func pressed(events []*event) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(`{"Records":[`)) // memory takes everything
	for i, e := range events {
		if i > 0 {
			_, _ = w.Write([]byte(","))
		}
		_, _ = w.Write(e.record)
	}
	_, _ = w.Write([]byte(`]}`))
	_ = w.Close()
	return b.Bytes()
}
