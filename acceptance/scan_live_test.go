//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"mfawatch/internal/corpus"
)

// TestMotoScanOfABucket scans 2,000 small objects in moto's S3 as a person
// would, and holds the answer against that of the same files in a folder.
func TestMotoScanOfABucket(t *testing.T) {
	m := startMoto(t, 0)
	dir, files, made := generate(t, corpus.Spec{Seed: 31, Records: 30_000, Tiny: true, SignInRate: .05, DuplicateRate: .1, Organization: "o-abc123"})
	slices.Sort(files)
	if len(files) < 2000 {
		t.Fatalf("the archive has %d files, want 2,000 at least", len(files))
	}
	for _, rest := range files[2000:] {
		if err := os.Remove(rest); err != nil {
			t.Fatal(err)
		}
	}
	m.upload(t, dir, files[:2000])
	bin := binary(t)
	local := m.scan(t, bin, dir)
	want := bytes.ReplaceAll(local, []byte(dir+"/"), []byte("s3://trail/"))
	cache := filepath.Join(t.TempDir(), "kept")
	for _, args := range [][]string{{"s3://trail"}, {"s3://trail/AWSLogs", "--cache", cache}, {"s3://trail/AWSLogs/", "--cache", cache}} {
		if got := m.scan(t, bin, args...); !bytes.Equal(got, want) {
			t.Errorf("scan %v: %d bytes, the local scan writes %d, or others", args, len(got), len(want))
		}
	}
	narrow := []string{"--region", "us-east-1", "--account", accountIn(t, files[0])}
	ours, theirs := verdicts(t, m.scan(t, bin, append(narrow, "s3://trail")...)), verdicts(t, m.scan(t, bin, append(narrow, dir)...))
	if !slices.Equal(ours, theirs) || len(theirs) == 0 {
		t.Errorf("narrowed: %d verdicts, the local scan writes %d, or others", len(ours), len(theirs))
	}
	t.Logf("%d files of %d records: 2,000 objects are judged as 2,000 files are", len(files), made.Records)
}

// accountIn is the account of a log file's path.
func accountIn(t *testing.T, path string) string {
	t.Helper()
	name, _, ok := strings.Cut(filepath.Base(path), "_CloudTrail_")
	if !ok || len(name) != 12 {
		t.Fatalf("%s names no account", path)
	}
	return name
}

// verdicts are which event was judged how. A second copy may lie in a folder
// that was left out.
func verdicts(t *testing.T, lines []byte) []string {
	t.Helper()
	var all []string
	for line := range bytes.Lines(lines) {
		var v struct {
			Type, Outcome, Reason string
			EventID               string `json:"event_id"`
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		if v.Type == "verdict" {
			all = append(all, v.EventID+" "+v.Outcome+" "+v.Reason)
		}
	}
	return all
}

// upload puts the files into a bucket, named as they lie below dir.
func (m *moto) upload(t *testing.T, dir string, files []string) {
	t.Helper()
	c := s3.NewFromConfig(m.config("test", "test", ""), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("trail")}); err != nil {
		t.Fatal(err)
	}
	queue := make(chan string)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for name := range queue {
				if err := put(t.Context(), c, name, filepath.ToSlash(strings.TrimPrefix(name, dir+"/"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, name := range files {
		queue <- name
	}
	close(queue)
	wg.Wait()
}

func put(ctx context.Context, c *s3.Client, name, key string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("trail"), Key: &key, Body: bytes.NewReader(data), ContentEncoding: aws.String("gzip")})
	return err
}

// scan runs the binary against moto. Sign-ins without MFA are there: code 3.
func (m *moto) scan(t *testing.T, bin string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"scan", "--format", "jsonl"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+m.url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Fatalf("scan %v ends with %d, want 3: %s", args, code, stderr.String())
	}
	var summary struct {
		Complete bool
		Files    int
	}
	lines := bytes.Split(bytes.TrimSpace(stdout.Bytes()), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &summary); err != nil || !summary.Complete || summary.Files == 0 {
		t.Fatalf("scan %v: %v, summary %.300s", args, err, lines[len(lines)-1])
	}
	return stdout.Bytes()
}
