// Package corpus makes synthetic CloudTrail archives for benchmarks and tests.
//
// It promises that the same Spec gives the same files, byte for byte (with the
// same version of the compressor), that a file looks like one that CloudTrail
// delivered to S3 (its key, one line of JSON in gzip, the order of keys), and
// that the Manifest says exactly what was made. Every name, address and id is
// invented. It never reads a clock, never uses a source of randomness but the
// seed, and it shares no code with the packages that it helps to test: what a
// sign-in means is written beside its text.
package corpus

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
)

// Spec says what archive to make. For AccountCount, AssumeRoleRate, MFAShare,
// DecoyRate and MedianRecords zero means the default; a negative rate means
// none. Rates are parts of one and are kept to a millionth.
type Spec struct {
	Seed    uint64 `json:"seed"`
	Records int    `json:"records"`

	// MedianRecords is the median number of records in a file, 550 unless
	// given. Sizes are spread log-normally, from a thirtieth of it to forty
	// times (but maxRecords), and average about three times the median.
	MedianRecords int `json:"median_records"`

	// Tiny makes many small files instead: 5 records at the median, at most 60.
	Tiny bool `json:"tiny"`

	Accounts       int     `json:"accounts"`         // 4 unless given
	Organization   string  `json:"organization"`     // the o-… level of the keys, none when empty
	SignInRate     float64 `json:"sign_in_rate"`     // sign-ins among the records
	DuplicateRate  float64 `json:"duplicate_rate"`   // sign-ins that are second copies of one in an earlier file
	AssumeRoleRate float64 `json:"assume_role_rate"` // 0.05 unless given
	MFAShare       float64 `json:"mfa_share"`        // AssumeRole calls with a serialNumber; 0.01 unless given
	DecoyRate      float64 `json:"decoy_rate"`       // 0.001 unless given
}

// Manifest says what was made.
type Manifest struct {
	Spec        Spec  `json:"spec"`
	Files       int   `json:"files"`
	Records     int   `json:"records"`
	Bytes       int64 `json:"bytes"`      // of the files as stored
	JSONBytes   int64 `json:"json_bytes"` // of the files decompressed
	LargestFile int   `json:"largest_file"`
	LargestJSON int   `json:"largest_json"`

	SignIns        int            `json:"sign_ins"`         // records that are sign-ins, copies included
	Duplicates     int            `json:"duplicates"`       // of them, second copies
	ByReason       map[string]int `json:"by_reason"`        // of the first copies: what a verdict must say
	Related        map[string]int `json:"related"`          // by event name: the events around sign-ins
	AssumeRoles    int            `json:"assume_roles"`     // records named AssumeRole
	AssumeRolesMFA int            `json:"assume_roles_mfa"` // of them, with a serialNumber
	Decoys         map[string]int `json:"decoys"`           // by kind
}

// Ratio is how well the archive was compressed.
func (m Manifest) Ratio() float64 { return float64(m.JSONBytes) / float64(max(m.Bytes, 1)) }

// Generate writes the archive below dir, which it makes when needed. It refuses
// a folder that already holds an archive: two archives in one folder would fit
// no manifest. After an error what was written so far stays.
func Generate(dir string, s Spec) (Manifest, error) {
	root := filepath.Join(dir, "AWSLogs")
	if _, err := os.Lstat(root); err == nil {
		return Manifest{}, fmt.Errorf("generate corpus: %s exists already", root)
	}
	return Each(s, func(path string, gz []byte, _ int) error {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		return os.WriteFile(name, gz, 0o600)
	})
}

// Each makes the archive in memory and gives it to yield, file by file: its key,
// its bytes and the size of its JSON. The bytes are valid until yield returns;
// an error of yield ends the work and is returned.
func Each(s Spec, yield func(path string, gz []byte, json int) error) (Manifest, error) {
	p, err := newPress(s.withDefaults())
	if err != nil {
		return Manifest{}, err
	}
	for p.m.Records < p.spec.Records {
		path, err := p.file()
		if err != nil {
			return p.m, fmt.Errorf("generate corpus file %d: %w", p.m.Files, err)
		}
		if err := yield(path, p.gz.Bytes(), len(p.text)); err != nil {
			return p.m, fmt.Errorf("corpus file %s: %w", path, err)
		}
	}
	return p.m, nil
}

func (s Spec) withDefaults() Spec {
	if s.MedianRecords <= 0 {
		s.MedianRecords = 550
	}
	if s.Accounts <= 0 {
		s.Accounts = 4
	}
	s.AssumeRoleRate = orDefault(s.AssumeRoleRate, 0.05)
	s.MFAShare = orDefault(s.MFAShare, 0.01)
	s.DecoyRate = orDefault(s.DecoyRate, 0.001)
	return s
}

func orDefault(rate, fallback float64) float64 {
	if rate == 0 {
		return fallback
	}
	return max(rate, 0)
}

// level is gzip's default level, the one CloudTrail's files look like.
const level = 6

func newPress(s Spec) (*press, error) {
	p := &press{
		spec: s, sizes: random{seed(s.Seed, 1)}, accounts: makeAccounts(s), regions: regions(), earlier: map[*account][]copied{},
		forms: newForms(), calls: catalogue(), scenes: scenes(), decoys: decoys(), assume: assumeRole(), assumeMFA: assumeRoleMFA(),
		m: Manifest{Spec: s, ByReason: map[string]int{}, Related: map[string]int{}, Decoys: map[string]int{}},
	}
	var err error
	p.zip, err = gzip.NewWriterLevel(&p.gz, level)
	return p, err
}
