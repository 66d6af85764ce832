package demo

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// top is the folder that all of the archive lies in, and organization the level
// that an organization trail adds.
const (
	top          = "AWSLogs"
	organization = "o-example123"
)

type file struct {
	path string
	data []byte
}

// place says which log file a record was delivered in. One Region's records of
// a quarter of an hour share a file; second copies have files of their own, as
// a second trail would make them.
type place struct {
	account, region string
	delivered       time.Time
	trail           string
}

// files renders the whole archive, ordered by path.
func files() ([]file, error) {
	logs, err := logFiles()
	if err != nil {
		return nil, err
	}
	extra, err := extraFiles()
	if err != nil {
		return nil, err
	}
	all := append(logs, extra...)
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

func logFiles() ([]file, error) {
	records := map[place][][]byte{}
	for _, h := range append(story(), background()...) {
		text, at, err := h.record()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.at, err)
		}
		for _, p := range h.places(at) {
			records[p] = append(records[p], text)
		}
	}
	var list []file
	z := gzip.NewWriter(nil)
	for p, texts := range records {
		data, err := compress(z, logText(texts))
		if err != nil {
			return nil, err
		}
		list = append(list, file{p.path(), data})
	}
	return list, nil
}

func (h happening) places(at time.Time) []place {
	delivered := at.Truncate(15 * time.Minute).Add(20 * time.Minute)
	ps := []place{{h.account, h.region, delivered, "org-trail"}}
	if h.again != "" {
		ps = append(ps, place{h.account, h.again, delivered.Add(5 * time.Minute), "second-trail"})
	}
	return ps
}

func (p place) path() string {
	return fmt.Sprintf("%s/%s/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json.gz", top, organization, p.account, p.region,
		p.delivered.Format("2006/01/02"), p.account, p.region, p.delivered.Format("20060102T1504Z"), mark(p.region+p.trail+p.delivered.String()))
}

// mark is the sixteen characters that make a log file's name unique.
func mark(s string) string { return digest(s)[:16] }

// digest makes identifiers that look random and are always the same.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func uuid(s string) string {
	d := digest(s)
	return d[:8] + "-" + d[8:12] + "-4" + d[13:16] + "-8" + d[17:20] + "-" + d[20:32]
}

func logText(records [][]byte) []byte {
	return slices.Concat([]byte(`{"Records":[`), bytes.Join(records, []byte(",")), []byte("]}"))
}

// compress uses z again and again: making a compressor costs more than the few
// kilobytes that it is given here.
func compress(z *gzip.Writer, text []byte) ([]byte, error) {
	var b bytes.Buffer
	z.Reset(&b)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// extraFiles are the files beside the log files of the story: a digest, an
// insight file, and a log file whose delivery broke off.
func extraFiles() ([]file, error) {
	z := gzip.NewWriter(nil)
	digestData, err := compress(z, []byte(digestText))
	if err != nil {
		return nil, err
	}
	insightData, err := compress(z, []byte(insightText))
	if err != nil {
		return nil, err
	}
	cut, err := damaged(z)
	if err != nil {
		return nil, err
	}
	return []file{{digestPath, digestData}, {insightPath, insightData}, {damagedPath, cut}}, nil
}

const (
	digestPath = top + "/" + organization + "/111122223333/CloudTrail-Digest/us-east-1/2026/11/18/" +
		"111122223333_CloudTrail-Digest_us-east-1_org-trail_eu-north-1_20261118T101020Z.json.gz"
	insightPath = top + "/" + organization + "/777788889999/CloudTrail-Insight/us-east-2/2026/11/18/" +
		"777788889999_CloudTrail-Insight_us-east-2_20261118T0240Z_3d5c1b0a9f8e7d6c.json.gz"
	damagedPath = top + "/" + organization + "/777788889999/CloudTrail/us-west-2/2026/11/20/" +
		"777788889999_CloudTrail_us-west-2_20261120T1420Z_0badc0de0badc0de.json.gz"
)

const digestText = `{"awsAccountId":"111122223333","digestStartTime":"2026-11-18T09:10:20Z","digestEndTime":"2026-11-18T10:10:20Z",` +
	`"digestS3Bucket":"example-org-trail","digestPublicKeyFingerprint":"0123456789abcdef0123456789abcdef","digestSignatureAlgorithm":"SHA256withRSA",` +
	`"newestEventTime":"2026-11-18T10:04:55Z","oldestEventTime":"2026-11-18T09:02:03Z","previousDigestHashAlgorithm":"SHA-256","logFiles":[]}`

const insightText = `{"Records":[{"eventVersion":"1.08","eventTime":"2026-11-18T02:20:00Z","awsRegion":"us-east-2",` +
	`"eventID":"5b1c0d2e-0000-4000-8000-000000000001","eventType":"AwsCloudTrailInsight","recipientAccountId":"777788889999",` +
	`"sharedEventID":"5b1c0d2e-0000-4000-8000-000000000002","insightDetails":{"state":"Start","eventSource":"s3.amazonaws.com",` +
	`"eventName":"ListBuckets","insightType":"ApiCallRateInsight","insightContext":{"statistics":{"baseline":{"average":0.02},"insight":{"average":41}}}},` +
	`"eventCategory":"Insight"}]}`

// damaged is a log file cut off in the middle of its last records. The records
// before are flushed first, so that they can be read whatever the compressor
// does with the rest.
func damaged(z *gzip.Writer) ([]byte, error) {
	readable, lost, err := damagedRecords()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z.Reset(&b)
	text := logText(readable)
	if _, err := z.Write(append(text[:len(text)-len("]}")], ',')); err != nil {
		return nil, err
	}
	if err := z.Flush(); err != nil {
		return nil, err
	}
	kept := b.Len()
	if _, err := z.Write(logText(lost)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes()[:kept+(b.Len()-kept)/2], nil
}

func damagedRecords() (readable, lost [][]byte, err error) {
	for i, h := range brokenOff() {
		text, _, err := h.record()
		if err != nil {
			return nil, nil, err
		}
		if i < readableRecords {
			readable = append(readable, text)
			continue
		}
		lost = append(lost, text)
	}
	return readable, lost, nil
}
