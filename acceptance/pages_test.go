//go:build acceptance

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mfawatch/internal/pages"
)

// shell is a person who reads the pages, in a folder of their own.
type shell struct {
	*testing.T
	dir string
	env []string
	put []string // what a page writes, and what it is here
}

// lines are those that pages.Elsewhere gives to this test, in the pages' order.
func (s *shell) lines() (all []pages.Line) {
	s.Helper()
	read, err := pages.Read("..")
	if err != nil {
		s.Fatal(err)
	}
	seen := map[string]bool{} // README and deploy.md have lines in common
	for _, o := range pages.Elsewhere {
		for _, l := range read {
			if o.Runs == s.Name() && l.Place() == pages.Peers && o.Matches(l) && !seen[l.Text] {
				seen[l.Text] = true
				all = append(all, l)
			}
		}
	}
	if len(all) == 0 {
		s.Fatal("no line of the pages is run here")
	}
	return all
}

func (s *shell) try(line string) (string, error) {
	cmd := exec.CommandContext(s.Context(), "bash", "-c", strings.NewReplacer(s.put...).Replace(line))
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs a line, which must succeed.
func (s *shell) run(line string) string {
	s.Helper()
	out, err := s.try(line)
	if err != nil {
		s.Errorf("%s: %v\n%s", line, err, tail(out, 2000))
	}
	return out
}

// fails runs a line again after something was spoilt.
func (s *shell) fails(spoilt, line string) {
	s.Helper()
	s.run(spoilt)
	if out, err := s.try(line); err == nil {
		s.Errorf("%s\nsucceeds after %s:\n%s", line, spoilt, out)
	}
}

// replaced has a text of the pages stand for what it is here from now on.
func (s *shell) replaced(text, by string) { s.put = append([]string{text, by}, s.put...) }

// TestPagesOfARelease verifies, by the lines of docs/release.md, files that are signed
// as a release is, and opens what age sealed by the line of docs/break-glass.md.
func TestPagesOfARelease(t *testing.T) {
	dir := t.TempDir()
	s := &shell{T: t, dir: dir, put: []string{"vVERSION", "v1.2.3"}, env: append(os.Environ(), "HOME="+dir, "PATH="+filepath.Dir(installed(t, "age/age"))+":"+os.Getenv("PATH"),
		"GIT_CONFIG_GLOBAL="+dir+"/gitconfig", "GIT_CONFIG_SYSTEM=/dev/null")}
	for _, line := range []string{
		"git config --global user.name tested; git config --global user.email tested@example.com; git config --global gpg.format ssh",
		"git config --global user.signingkey ~/mfawatch-release; git config --global gpg.ssh.allowedSignersFile ~/signers; git config --global init.defaultBranch main",
		"git init -q origin; git -C origin commit -q --allow-empty -m one; git init -q .; git remote add origin origin",
		"mkdir again; echo program > mfawatch_1.2.3_linux_amd64.tar.gz; echo function > again/signin-arm64.zip",
		"sha256sum mfawatch_1.2.3_linux_amd64.tar.gz > checksums.txt; (cd again && sha256sum signin-arm64.zip) >> checksums.txt",
	} {
		s.run(line)
	}
	verify := ""
	for _, l := range s.lines() {
		out := s.run(l.Text)
		switch {
		case strings.HasPrefix(l.Text, "ssh-keygen -t"):
			s.run("ssh-keygen -Y sign -f mfawatch-release -n mfawatch-release checksums.txt; git -C origin tag -s v1.2.3 -m v1.2.3")
		case strings.HasPrefix(l.Text, "ssh-keygen -Y verify"):
			verify = l.Text
			if !strings.Contains(out, `Good "mfawatch-release" signature`) {
				t.Errorf("%s does not say what the page says: %s", l, out)
			}
		case strings.HasPrefix(l.Text, "age-keygen"):
			s.run("cp ~/.local/state/mfawatch/identity.txt .; echo sealed | age -r $(age-keygen -y identity.txt) -o bundle.age")
		case strings.HasPrefix(l.Text, "age -d") && out != "sealed\n":
			t.Errorf("%s opens %q", l, out)
		}
	}
	s.fails("echo another > mfawatch_1.2.3_linux_amd64.tar.gz", "sha256sum --check --ignore-missing checksums.txt")
	s.fails("echo another > again/signin-arm64.zip", "(cd again && sha256sum --check --ignore-missing ../checksums.txt)")
	s.fails("echo >> checksums.txt", verify)
}

// TestPagesAtMoto runs the lines of the AWS CLI that moto has an answer for, and the
// exported answers are ones that mfawatch reads.
func TestPagesAtMoto(t *testing.T) {
	m, l := startMotoAs(t, 0, "python", "moto/server.py"), newLaptop(t)
	s := &shell{T: t, dir: l.home, put: []string{"111122223333", motoAccount, "YOUR-TRAIL-BUCKET", "trail"}}
	wrapped := "#!/bin/sh\nunset AWS_PROFILE AWS_SESSION_TOKEN\nexec " + installed(t, "venv-awscli/bin/aws") + ` "$@" --endpoint-url ` + m.url + "\n"
	if err := os.MkdirAll(filepath.Join(l.home, "bin/staged"), 0o700); err != nil {
		t.Fatal(err)
	}
	l.write("bin/aws", wrapped)
	if err := os.Chmod(filepath.Join(l.home, "bin/aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.env = append(l.env, "PATH="+l.home+"/bin:"+filepath.Dir(l.bin)+":"+os.Getenv("PATH"), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=eu-north-1", "AWS_DEFAULT_REGION=eu-north-1", "AWS_ENDPOINT_URL="+m.url, "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	s.staged()
	exported := filepath.Join(l.home, "exported")
	for _, line := range s.lines() {
		s.dir = l.home
		if line.Page == "docs/auditing.md" {
			s.dir = exported
		}
		out, err := s.try(line.Text)
		if err != nil && !strings.Contains(line.Text, "list-organizations-features") { // the account is in no organisation, and the answer says so
			t.Errorf("%s: %v\n%s", line, err, tail(out, 2000))
		}
		if id := regexp.MustCompile(`"Id": "(p-[a-z0-9]+)"`).FindStringSubmatch(out); id != nil {
			s.replaced("p-examplepolicyid", id[1])
		}
	}
	s.dir = l.home
	out, err := s.try("mfawatch audit --from exported --format json")
	if !strings.Contains(out, `"linus"`) || strings.Contains(out, "damaged") {
		t.Errorf("audit of what the page exports: %v\n%s", err, tail(out, 2000))
	}
	if out := s.run("find AWSLogs -type f"); out != "AWSLogs/"+motoAccount+"/CloudTrail/one.json.gz\n" {
		t.Errorf("the archive's copy has %s", out)
	}
	if out := s.run("head -c 300 mfawatch/keys/*"); !strings.Contains(out, "kms") {
		t.Error("the key was not sealed to KMS")
	}
}

// staged is what the pages take for deployed.
func (s *shell) staged() {
	s.Helper()
	s.run(`echo '{"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}' > stack.json; mkdir exported`)
	key := strings.TrimSpace(s.run("aws kms create-key --query KeyMetadata.Arn --output text"))
	s.replaced("arn:aws:kms:eu-north-1:111122223333:key/ID", key)
	for _, line := range []string{
		"aws kms create-alias --alias-name alias/mfawatch --target-key-id " + key,
		"aws sns create-topic --name mfawatch-alerts",
		"aws sqs create-queue --queue-name mfawatch-sign-ins-dead",
		"aws organizations create-organization --feature-set ALL",
		"aws cloudformation create-stack --stack-name mfawatch-data --enable-termination-protection --template-body file://stack.json",
		"aws cloudformation create-stack-set --stack-set-name mfawatch-member --template-body file://stack.json --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false",
		`aws stepfunctions create-state-machine --name mfawatch-audit --role-arn arn:aws:iam::111122223333:role/audit --definition '{"StartAt":"a","States":{"a":{"Type":"Pass","End":true}}}'`,
		"mfawatch policy generate --guardrail mfa-only --form scp -o bin/staged/break-glass-scp.json",
		"aws iam create-user --user-name linus; aws iam create-login-profile --user-name linus --password 'PASSWORD'",
		"aws s3 mb s3://trail; for f in CloudTrail/one.json.gz CloudTrail-Digest/two.json.gz; do echo x | aws s3 cp - s3://trail/AWSLogs/111122223333/$f; done",
	} {
		s.run(line)
	}
}

// TestPagesInAClone runs the lines of make that ask nothing of AWS in a copy of the clone,
// with the file of a deployment beside it that a pull request changes.
func TestPagesInAClone(t *testing.T) {
	tools, err := filepath.Abs("../.cache")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &shell{T: t, dir: "..", env: os.Environ()}
	s.run("mkdir " + dir + "/clone " + dir + "/private && git ls-files -co --exclude-standard -z | tar --null -T - -c | tar -x -C " + dir + "/clone && ln -s " + tools + " " + dir + "/clone/.cache")
	s.dir = filepath.Join(dir, "clone")
	file := "bin/mfawatch config init --yes --account 111122223333 --home-region us-east-1 --tell security@example.com"
	says := map[string]string{
		"make demo": "Now try your own", "make synth": "Successfully synthesized", "make destroy-dry-run": "make cdk ARGS='destroy --all'", "make diff-offline": "6 stacks differ",
		"diff bin/before.txt *": ">   Told         safety@example.com: everything", "make diff-offline OLD=*": "AWS::Lambda::Function CanaryFunction", // which carries the file
	}
	for _, l := range s.lines() {
		out, err := s.try(l.Text)
		if err != nil {
			t.Errorf("%s: %v\n%s", l, err, tail(out, 2000))
		}
		for line, want := range says {
			if pages.Like(line, l.Text) && !strings.Contains(out, want) {
				t.Errorf("%s does not say %q:\n%s", l, want, tail(out, 2000))
			}
		}
		if strings.HasPrefix(l.Text, "rm -rf bin/before ") { // the page's next two lines, which are mfawatch's and run in make test too
			s.run("bin/mfawatch config check bin/before/mfawatch.yaml >bin/before.txt && bin/mfawatch config check ../private/mfawatch.yaml >bin/after.txt")
		}
		if l.Text == "make build" {
			s.run(file + " && sed -i 's/^regions: .*/regions: [us-east-1]/' mfawatch.yaml && cat mfawatch.yaml")
			s.run("cd ../private && git init -q -b main && cp ../clone/mfawatch.yaml . && git add . && git -c user.name=x -c user.email=x@example.com commit -qm one && sed -i 's/security@/safety@/' mfawatch.yaml")
		}
	}
}
