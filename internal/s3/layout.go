package s3

import (
	"slices"
	"strings"
	"time"
)

// Wanted narrows a listing, as far as keys tell what a file may hold.
type Wanted struct {
	// Since and Until bound the events' times; zero is no bound. A file lies in
	// the folder of the day it was delivered on and may hold records of any time
	// before (CloudTrail user guide, log file examples). So days from that of
	// Since on are listed, and as far as one day after that of Until: delivery
	// takes minutes, and a day is for when it does not.
	Since, Until time.Time
	Account      string   // none is all
	Regions      []string // CloudTrail's folders; none is all
}

// The kinds of folders that are passed over: none of them holds log files of
// management events. Single objects are counted without the last word.
const (
	SkippedDigests  = "digest-folders"
	SkippedInsights = "insight-folders"
	SkippedOthers   = "other-service-folders"
)

// place is how far a key or prefix follows CloudTrail's layout
//
//	[PREFIX/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE
//
// (CloudTrail user guide, finding log files; Control Tower's prefix is the
// organisation's id).
type place struct {
	logs    bool // AWSLogs was met
	account string
	service string
	region  string
	date    []string // year, month, day
	odd     bool     // below AWSLogs is something else
}

// parse reads the folders of a key or of a prefix: what is behind the last
// slash counts for nothing.
func parse(path string) place {
	folders := strings.Split(path, "/")
	folders = folders[:len(folders)-1]
	root := -1
	for i, f := range folders {
		if f == "AWSLogs" {
			root = i
		}
	}
	if root < 0 {
		return place{}
	}
	p := place{logs: true}
	for _, f := range folders[root+1:] {
		p.enter(f)
	}
	return p
}

// enter goes one folder deeper.
func (p *place) enter(f string) {
	switch {
	case p.odd:
	case p.account == "" && strings.HasPrefix(f, "o-"):
	case p.account == "" && digits(f, 12):
		p.account = f
	case p.account == "":
		p.odd = true
	case p.service == "":
		p.service = f
	case p.region == "":
		p.region = f
	case len(p.date) < 3 && digits(f, []int{4, 2, 2}[len(p.date)]):
		p.date = append(p.date, f)
	default:
		p.odd = true
	}
}

func digits(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789") == "" }

// fits tells whether what is below p may matter, and if it is of a kind that
// is counted when it does not, of which.
func (w Wanted) fits(p place) (ok bool, kind string) {
	switch {
	case w.Account != "" && p.account != "" && p.account != w.Account:
		return false, ""
	case p.service != "" && p.service != "CloudTrail":
		return false, skipped(p.service)
	case len(w.Regions) > 0 && p.region != "" && !slices.Contains(w.Regions, p.region):
		return false, ""
	}
	day := strings.Join(p.date, "/")
	from, to := w.days()
	return day == "" || day >= from[:min(len(from), len(day))] && (to == "" || day <= to[:len(day)]), ""
}

func skipped(service string) string {
	switch service {
	case "CloudTrail-Digest":
		return SkippedDigests
	case "CloudTrail-Insight":
		return SkippedInsights
	}
	return SkippedOthers
}

const dayLayout = "2006/01/02"

// days are the first and the last folder that may matter; empty is no bound.
func (w Wanted) days() (from, to string) {
	if !w.Since.IsZero() {
		from = w.Since.UTC().Format(dayLayout)
	}
	if !w.Until.IsZero() {
		to = w.Until.UTC().AddDate(0, 0, 1).Format(dayLayout)
	}
	return from, to
}
