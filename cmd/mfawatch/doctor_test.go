package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/audit/collect"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/fakeaws"
	"mfawatch/totp/yubikey/yubikeytest"
)

// examined is what doctor says, by check.
func examined(t *testing.T, w terminal, args ...string) (code int, rows map[string]tried, text string) {
	t.Helper()
	var out, errs bytes.Buffer
	w.in, w.out, w.err = strings.NewReader(""), &out, &errs
	code = execute(t.Context(), w, append([]string{"doctor", "--format", "json"}, args...))
	var answer struct {
		Schema string
		Checks []tried
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil || answer.Schema != "mfawatch/doctor/v1" {
		t.Fatalf("doctor ends with %d and prints %v: %s%s", code, err, out.String(), errs.String())
	}
	rows = map[string]tried{}
	for _, r := range answer.Checks {
		if _, twice := rows[r.Check]; twice || (r.State == broken) && r.Fix == "" || r.Detail == "" {
			t.Errorf("row %+v: is there twice, has no detail, or is broken without a fix", r)
		}
		rows[r.Check] = r
	}
	return code, rows, out.String()
}

// noCards is a computer with a reader service and no YubiKey.
func noCards(t *testing.T) *yubiDesk { return &yubiDesk{T: t, cards: map[string]*yubikeytest.Card{}} }

// saysOf asserts a row.
func saysOf(t *testing.T, rows map[string]tried, check string, s state, says string) {
	t.Helper()
	r, there := rows[check]
	if !there || r.State != s || !strings.Contains(r.Detail+"\n"+r.Fix, says) {
		t.Errorf("%s: %+v, want %s with %q", check, r, s, says)
	}
}

const mainTrail = "arn:aws:cloudtrail:eu-north-1:" + management + ":trail/main"

// goodAWS is an account in which nothing is wrong.
func goodAWS(t *testing.T) world {
	t.Helper()
	w := liveAWS(t)
	w.Change(func() {
		w.History.Trails = []fakeaws.Trail{{ARN: mainTrail, Region: "eu-north-1", Bucket: "logs", Validation: true}}
		w.History.Regions = map[string]string{"eu-north-1": "ENABLED_BY_DEFAULT", "us-east-1": "ENABLED_BY_DEFAULT", "ap-east-1": "DISABLED"}
	})
	return w
}

func TestDoctorFindsNothing(t *testing.T) {
	w := goodAWS(t)
	ownHome(t)
	t.Chdir(t.TempDir())
	code, rows, text := examined(t, terminal{cards: noCards(t)})
	if code != exitClean {
		t.Errorf("ends with %d: %s", code, text)
	}
	saysOf(t, rows, "aws-configuration", works, "Region us-east-1")
	saysOf(t, rows, "credentials", works, "of account "+management)
	saysOf(t, rows, "credentials", works, "never with MFA")
	saysOf(t, rows, "clock", works, "as AWS has it")
	saysOf(t, rows, "audit-permissions", works, "11 of the 11 actions")
	saysOf(t, rows, "trail", works, mainTrail+" writes management events of all Regions, with validation")
	saysOf(t, rows, "regions", works, "2 are on: eu-north-1, us-east-1")
	saysOf(t, rows, "identity", works, "mode 0600, not opened")
	saysOf(t, rows, "door", leftOut, "no emergency door")
	saysOf(t, rows, "ledger", leftOut, "there are no keys")
	if strings.Contains(text, "AKIA") || strings.Contains(text, "AGE-SECRET") {
		t.Errorf("a key is shown: %s", text)
	}
	for action := range w.Counts() {
		if _, name, _ := strings.Cut(action, ":"); !strings.HasPrefix(name, "Get") && !strings.HasPrefix(name, "List") && !strings.HasPrefix(name, "Describe") && name != "GenerateCredentialReport" {
			t.Errorf("%s was called: it may change something", action)
		}
	}
}

// What doctor tries is what an audit asks for.
func TestDoctorTriesWhatAnAuditAsks(t *testing.T) {
	var p struct {
		Statement []struct{ Action []string }
	}
	if err := json.Unmarshal(collect.Policy(), &p); err != nil {
		t.Fatal(err)
	}
	var tries []string
	for _, s := range samples("x") {
		tries = append(tries, s.action)
	}
	slices.Sort(tries)
	want := slices.Sorted(slices.Values(p.Statement[0].Action))
	if !slices.Equal(tries, want) {
		t.Errorf("tried are %v, asked for %v", tries, want)
	}
}

func TestDoctorOfAWS(t *testing.T) {
	for name, c := range map[string]struct {
		stage func(w world)
		code  int
		check string
		state state
		says  string
	}{
		"a denied action": {func(w world) { w.Fault(fakeaws.Denied("iam:GetCredentialReport")) }, exitFindings, "audit-permissions", broken, "refused: iam:GetCredentialReport\nallow what 'mfawatch audit --print-policy' prints"},
		"users cannot be listed": {func(w world) { w.Fault(fakeaws.Denied("iam:ListUsers")) }, exitFindings, "audit-permissions", broken,
			"refused: iam:ListUsers; untested, as no user was named: iam:ListMFADevices, iam:ListAccessKeys, iam:GetLoginProfile"},
		"no report yet": {func(w world) {
			w.Fault(fakeaws.Fault{Action: "iam:GetCredentialReport", Status: 410, Code: "ReportNotPresent"})
		}, exitClean, "audit-permissions", works, "11 of the 11"},
		"IAM is out of order": {func(w world) { w.Fault(fakeaws.Broken("iam:GetAccountSummary", 9)) }, exitUnchecked, "audit-permissions", notKnown, "no answer that tells: iam:GetAccountSummary"},
		"throttled":           {func(w world) { w.Fault(fakeaws.Throttled("iam:ListAccessKeys", 9)) }, exitUnchecked, "audit-permissions", notKnown, "iam:ListAccessKeys (Throttling)"},
		"no trail":            {func(w world) { w.History.Trails = nil }, exitFindings, "trail", broken, "there is no trail of all Regions"},
		"a trail of one Region": {func(w world) { w.History.Trails[0].OneRegion = true }, exitFindings, "trail", broken,
			"there is no trail of all Regions"},
		"stopped":     {func(w world) { w.History.Trails[0].Stopped = true }, exitFindings, "trail", broken, "is stopped\naws cloudtrail start-logging --name " + mainTrail + " --region eu-north-1"},
		"undelivered": {func(w world) { w.History.Trails[0].DeliveryError = "NoSuchBucket" }, exitFindings, "trail", broken, "could not deliver its last file: NoSuchBucket"},
		"not signed":  {func(w world) { w.History.Trails[0].Validation = false }, exitFindings, "trail", broken, "update-trail --enable-log-file-validation"},
		"only writes": {func(w world) {
			w.History.Trails[0].EventSelectors = `{"EventSelectors":[{"ReadWriteType":"WriteOnly"}]}`
		}, exitFindings, "trail", broken, "management events that read"},
		"only data": {func(w world) {
			w.History.Trails[0].EventSelectors = `{"EventSelectors":[{"IncludeManagementEvents":false}]}`
		}, exitFindings, "trail", broken, "and so no sign-ins"},
		"without KMS": {func(w world) {
			w.History.Trails[0].EventSelectors = `{"EventSelectors":[{"ExcludeManagementEventSources":["kms.amazonaws.com"]}]}`
		}, exitClean, "trail", works, "without kms.amazonaws.com"},
		"selectors": {func(w world) { w.Fault(fakeaws.Denied("cloudtrail:GetEventSelectors")) }, exitUnchecked, "trail", notKnown, "allow cloudtrail:GetEventSelectors in eu-north-1"},
		"status":    {func(w world) { w.Fault(fakeaws.Denied("cloudtrail:GetTrailStatus")) }, exitUnchecked, "trail", notKnown, "allow cloudtrail:GetTrailStatus in eu-north-1"},
		"trails":    {func(w world) { w.Fault(fakeaws.Denied("cloudtrail:DescribeTrails")) }, exitUnchecked, "trail", notKnown, "allow cloudtrail:DescribeTrails"},
		"regions":   {func(w world) { w.Fault(fakeaws.Denied("account:ListRegions")) }, exitUnchecked, "regions", notKnown, "allow account:ListRegions"},
		"unknown key": {func(w world) {
			w.Fault(fakeaws.Fault{Action: "sts:GetCallerIdentity", Status: 403, Code: "InvalidClientTokenId"})
		}, exitFindings, "credentials", broken, "AWS does not know these credentials\ncheck the access key"},
		"expired": {func(w world) {
			w.Fault(fakeaws.Fault{Action: "sts:GetCallerIdentity", Status: 403, Code: "ExpiredToken"})
		}, exitFindings, "credentials", broken, "have expired\nsign in again"},
		"out of order": {func(w world) { w.Fault(fakeaws.Broken("sts:GetCallerIdentity", 9)) }, exitUnchecked, "credentials", notKnown, "AWS answered sts:GetCallerIdentity with"},
		"slow clock":   {func(w world) { w.Now = func() time.Time { return time.Now().Add(40 * time.Second) } }, exitFindings, "clock", broken, "behind AWS: codes that are made here may be refused"},
		"fast clock":   {func(w world) { w.Now = func() time.Time { return time.Now().Add(-time.Hour) } }, exitFindings, "clock", broken, "ahead of AWS, which refuses signatures"},
		"a bit off":    {func(w world) { w.Now = func() time.Time { return time.Now().Add(8 * time.Second) } }, exitClean, "clock", works, "s behind AWS; "},
	} {
		t.Run(name, func(t *testing.T) {
			w := goodAWS(t)
			ownHome(t)
			t.Chdir(t.TempDir())
			w.Change(func() {})
			c.stage(w)
			code, rows, _ := examined(t, terminal{cards: noCards(t)})
			if code != c.code {
				t.Errorf("ends with %d, want %d: %v", code, c.code, rows)
			}
			saysOf(t, rows, c.check, c.state, c.says)
			if c.check == "credentials" {
				saysOf(t, rows, "trail", leftOut, "the credentials were not taken")
			}
		})
	}
}

// The second trail is good, and that is enough; else the first one is told of.
func TestDoctorTakesAGoodTrail(t *testing.T) {
	w := goodAWS(t)
	ownHome(t)
	w.Change(func() {
		w.History.Trails = append([]fakeaws.Trail{{ARN: strings.Replace(mainTrail, "main", "a", 1), Region: "eu-north-1", Bucket: "x"}}, w.History.Trails...)
	})
	_, rows, _ := examined(t, terminal{cards: noCards(t)})
	saysOf(t, rows, "trail", works, mainTrail)
}

func TestDoctorOfflineAsksNobody(t *testing.T) {
	w := goodAWS(t)
	ownHome(t)
	t.Chdir(t.TempDir())
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	t.Setenv("MFAWATCH_BREAKGLASS_URL", server.URL)
	code, rows, _ := examined(t, terminal{cards: noCards(t)}, "--offline")
	if code != exitClean || len(w.Calls()) != 0 || asked {
		t.Errorf("ends with %d, AWS was asked %v, the door %v", code, w.Counts(), asked)
	}
	for _, check := range append(ofAWS, "door") {
		saysOf(t, rows, check, leftOut, "--offline")
	}
}

// Where AWS does not answer, doctor ends within its patience.
func TestDoctorWithoutAnswers(t *testing.T) {
	goodAWS(t)
	t.Setenv("AWS_CA_BUNDLE", "") // the SDK would want a client of its own for it
	ownHome(t)
	t.Chdir(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		srv := fakeaws.New(invented(management))
		srv.Latency = time.Hour
		begun := time.Now()
		code, rows, _ := examined(t, terminal{aws: srv.Client(), cards: noCards(t)})
		if took := time.Since(begun); code != exitUnchecked || took > onePatience+time.Second {
			t.Errorf("ends with %d after %v", code, took)
		}
		saysOf(t, rows, "aws-configuration", works, "")
		saysOf(t, rows, "credentials", notKnown, "no answer within 8s")
		saysOf(t, rows, "clock", leftOut, "no answer of AWS to compare with")
	})
	synctest.Test(t, func(t *testing.T) { // only who is asked first answers
		srv := fakeaws.New(invented(management))
		begun := time.Now()
		_, rows, _ := examined(t, terminal{aws: onlySTS{srv.Client()}, cards: noCards(t)})
		if took := time.Since(begun); took > allPatience+time.Second {
			t.Errorf("ends after %v", took)
		}
		saysOf(t, rows, "regions", notKnown, "")
		saysOf(t, rows, "trail", notKnown, "")
	})
}

// onlySTS leaves all others without an answer, until they give up.
type onlySTS struct{ sts *http.Client }

func (o onlySTS) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(body, []byte("Action=GetCallerIdentity")) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return o.sts.Do(r)
}

// Without a home folder, credentials or anything else there is an answer to everything.
func TestDoctorWithNothing(t *testing.T) {
	liveAWS(t) // so that nothing outside is asked
	for _, name := range []string{"HOME", "MFAWATCH_HOME", "XDG_STATE_HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "MFAWATCH_PASSPHRASE_FILE", "MFAWATCH_IDENTITY_FILE", "MFAWATCH_BREAKGLASS_URL"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	code, rows, _ := examined(t, terminal{cards: noCards(t)})
	if code != exitFindings {
		t.Errorf("ends with %d", code)
	}
	saysOf(t, rows, "home", broken, "export MFAWATCH_HOME=FOLDER")
	saysOf(t, rows, "aws-configuration", broken, "AWS_REGION")
	saysOf(t, rows, "credentials", broken, "no usable AWS credentials")
	saysOf(t, rows, "door", leftOut, "")
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("something was made: %v %v", files, err)
	}
}

func TestDoctorOfAProfile(t *testing.T) {
	goodAWS(t)
	h := ownHome(t)
	t.Setenv("AWS_CONFIG_FILE", h.path("config"))
	put(t, h.path("config"), []byte("[profile asks]\nrole_arn = arn:aws:iam::444455556666:role/SecurityAudit\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/ada\nregion = eu-north-1\n[profile base]\naws_access_key_id = AKIAAUDIT"+management+"\naws_secret_access_key = x\n"))
	_, rows, text := examined(t, terminal{cards: noCards(t)}, "--profile", "asks")
	saysOf(t, rows, "credentials", broken, "asks for an MFA code")
	_, rows, _ = examined(t, terminal{cards: noCards(t)}, "--profile", "nobody")
	saysOf(t, rows, "aws-configuration", broken, "nobody")
	if strings.Contains(text, "AKIA") {
		t.Errorf("a key is shown: %s", text)
	}
}

func TestDoctorOfThisMachine(t *testing.T) {
	for name, c := range map[string]struct {
		stage func(t *testing.T, h home)
		code  int
		check string
		state state
		says  string
	}{
		"others write the home": {func(t *testing.T, h home) { chmod(t, h.dir, 0o777) }, exitFindings, "home", broken, "others can write to it"},
		"a home that is not there": {func(t *testing.T, h home) { t.Setenv("MFAWATCH_HOME", h.path("none")) }, exitClean, "home", works,
			"is not there yet"},
		"a home that is a file": {func(t *testing.T, h home) { t.Setenv("MFAWATCH_HOME", h.path("recipients")) }, exitFindings, "home", broken, "it is a file"},
		"others read the keys":  {func(t *testing.T, h home) { addKey(t); chmod(t, h.path("keys"), 0o755) }, exitFindings, "keys", broken, "others can get at it"},
		"keys":                  {func(t *testing.T, h home) { addKey(t); ends(t, "", "code", "ada", "--min-validity", "0s") }, exitClean, "keys", works, "1 in "},
		"a key is damaged": {func(t *testing.T, h home) {
			addKey(t)
			put(t, h.path("keys/other.key"), []byte("nonsense"))
		}, exitFindings, "keys", broken, "restore what cannot be read"},
		"a ledger": {func(t *testing.T, h home) { addKey(t); ends(t, "", "code", "ada", "--min-validity", "0s") }, exitClean, "ledger", works, "used codes are remembered"},
		"a ledger that went lost": {func(t *testing.T, h home) {
			addKey(t)
			ends(t, "", "code", "ada", "--min-validity", "0s")
			if err := os.Remove(h.path("ledger.db")); err != nil {
				t.Fatal(err)
			}
		}, exitFindings, "ledger", broken, "mfawatch key restored"},
		"a damaged ledger": {func(t *testing.T, h home) { addKey(t); put(t, h.path("ledger.db"), []byte("nonsense")) }, exitFindings, "ledger", broken, "put it back from a backup"},
		"a passphrase that others read": {func(t *testing.T, h home) {
			put(t, h.path("p"), []byte("hunter2"))
			chmod(t, h.path("p"), 0o644)
			t.Setenv("MFAWATCH_PASSPHRASE_FILE", h.path("p"))
		}, exitFindings, "passphrase", broken, "chmod 600"},
		"a passphrase": {func(t *testing.T, h home) {
			put(t, h.path("p"), []byte("hunter2"))
			t.Setenv("MFAWATCH_PASSPHRASE_FILE", h.path("p"))
		}, exitClean, "passphrase", works, "mode 0600, not opened"},
		"a passphrase nowhere":      {func(t *testing.T, h home) { t.Setenv("MFAWATCH_PASSPHRASE_FILE", h.path("p")) }, exitFindings, "passphrase", broken, "no such file"},
		"a passphrase in a folder":  {func(t *testing.T, h home) { t.Setenv("MFAWATCH_PASSPHRASE_FILE", h.dir) }, exitFindings, "passphrase", broken, "is no plain file"},
		"others read the identity":  {func(t *testing.T, h home) { chmod(t, h.path("identity.txt"), 0o640) }, exitFindings, "identity", broken, "chmod 600"},
		"no identity":               {func(t *testing.T, h home) { _ = os.Remove(h.path("identity.txt")) }, exitClean, "identity", leftOut, "MFAWATCH_IDENTITY_FILE is not set"},
		"a good configuration":      {func(t *testing.T, h home) { put(t, configName, goodConfig(t)) }, exitClean, "configuration", works, "can be deployed"},
		"a bad configuration":       {func(t *testing.T, h home) { put(t, configName, []byte("version: 1\naccount: 5\n")) }, exitFindings, "configuration", broken, "mfawatch.yaml:2"},
		"a door that refuses":       {doorOf(403), exitClean, "door", works, "refuses who does not sign (HTTP 403)"},
		"a door that lets in":       {doorOf(200), exitFindings, "door", broken, "HTTP 200 to who does not sign"},
		"a door out of order":       {doorOf(502), exitFindings, "door", broken, "breakglass use --offline"},
		"a door nowhere":            {func(t *testing.T, h home) { t.Setenv("MFAWATCH_BREAKGLASS_URL", "http://127.0.0.1:1/") }, exitFindings, "door", broken, "it does not answer: connection refused"},
		"a door without TLS":        {func(t *testing.T, h home) { t.Setenv("MFAWATCH_BREAKGLASS_URL", "http://192.0.2.7/") }, exitFindings, "door", broken, "https only"},
		"a door that is remembered": {func(t *testing.T, h home) { _ = h.makeGlass(); put(t, h.glass("door.json"), []byte("{")) }, exitFindings, "door", broken, "breakglass init"},
	} {
		t.Run(name, func(t *testing.T) {
			goodAWS(t)
			h := ownHome(t)
			t.Setenv("MFAWATCH_BREAKGLASS_URL", "")
			t.Chdir(t.TempDir())
			c.stage(t, h)
			code, rows, text := examined(t, terminal{cards: noCards(t)})
			if code != c.code {
				t.Errorf("ends with %d, want %d: %s", code, c.code, text)
			}
			saysOf(t, rows, c.check, c.state, c.says)
			if strings.Contains(text, "hunter2") || strings.Contains(text, "AGE-SECRET") || strings.Contains(text, rfcSeed32) {
				t.Errorf("a secret is shown: %s", text)
			}
		})
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func addKey(t *testing.T) {
	t.Helper()
	if code, said := ends(t, rfcSeed32+"\n", "key", "add", "ada", "-"); code != exitClean {
		t.Fatal(said)
	}
}

func goodConfig(t *testing.T) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "good.yaml")
	if code, said := ends(t, "", "config", "init", "--yes", "--account", management, "--home-region", "eu-north-1", "--tell", "security@example.com", "-o", name); code != exitClean {
		t.Fatal(said)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func doorOf(status int) func(*testing.T, home) {
	return func(t *testing.T, _ home) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
				t.Errorf("%s, %q", r.Method, r.Header.Get("Authorization"))
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		t.Setenv("MFAWATCH_BREAKGLASS_URL", server.URL)
	}
}

// Who has seeds on a YubiKey needs its service, and who has none does not.
func TestDoctorOfYubikeys(t *testing.T) {
	goodAWS(t)
	h := ownHome(t)
	t.Chdir(t.TempDir())
	t.Setenv("PCSCLITE_CSOCK_NAME", h.path("nothing"))
	_, rows, _ := examined(t, terminal{})
	saysOf(t, rows, "yubikey", leftOut, "no seed of this machine is on one")
	put(t, h.path(inventoryFile), []byte(`{"version":1,"entries":[{"account":"111122223333","user":"ada","yubikey":12345678,"device":"`+adaARN+`","touch":true,"password":false,"enrolled":"2026-11-01T00:00:00Z","by":"`+adaARN+`"}]}`))
	code, rows, _ := examined(t, terminal{})
	if saysOf(t, rows, "yubikey", broken, "smart cards cannot be reached"); code != exitFindings {
		t.Errorf("ends with %d", code)
	}
	desk := noCards(t)
	_, rows, _ = examined(t, terminal{cards: desk})
	saysOf(t, rows, "yubikey", works, "none is plugged in")
	desk.plug(readerName, 12345678)
	_, rows, _ = examined(t, terminal{cards: desk})
	saysOf(t, rows, "yubikey", works, "12345678")
	desk.down = errors.New("the reader is on fire")
	code, rows, _ = examined(t, terminal{cards: desk})
	if saysOf(t, rows, "yubikey", notKnown, "on fire"); code != exitUnchecked {
		t.Errorf("ends with %d", code)
	}
}

// A table fits a terminal of 80 columns and one of 40.
func TestDoctorFits(t *testing.T) {
	d := doctor{rows: []tried{
		{"audit-permissions", broken, "refused: " + strings.Repeat("iam:GetAccountAuthorizationDetails, ", 5), "allow what 'mfawatch audit --print-policy' prints"},
		{"clock", works, "as AWS has it", ""},
	}}
	for _, columns := range []int{40, 80, 100} {
		for line := range strings.Lines(d.table(columns)) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
				t.Errorf("%d of %d columns: %s", n, columns, line)
			}
		}
	}
	if wide := d.table(0); !strings.Contains(wide, "not ok     audit-permissions   refused: iam:") || !strings.Contains(wide, "ok         clock               as AWS has it\n") {
		t.Errorf("the table is\n%s", wide)
	}
}

func TestWhoIs(t *testing.T) {
	for arn, c := range map[string]struct {
		lasting bool
		state   state
		says    string
	}{
		"arn:aws:iam::111122223333:root":                                  {true, broken, "delete the root user's access key"},
		"arn:aws:iam::111122223333:user/ada":                              {true, works, "user/ada of account 111122223333, with an access key that lasts"},
		"arn:aws:sts::111122223333:assumed-role/audit/ada":                {false, works, "assumed-role/audit/ada of account 111122223333, in a session"},
		"arn:aws-cn:sts::111122223333:federated-user/ada":                 {false, works, "in a session; AWS does not say here whether it was got with MFA"},
		"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_x/ada@x.y": {false, works, "in a session"},
	} {
		r := whoIs(arn, c.lasting)
		if r.State != c.state || !strings.Contains(r.Detail+r.Fix, c.says) {
			t.Errorf("%s: %+v, want %s with %q", arn, r, c.state, c.says)
		}
	}
}

// A selector that nobody knows yet makes no trail good.
func TestJudgedTrailNarrowed(t *testing.T) {
	r := judgedTrail(cloudtrail.Trail{ARN: mainTrail, Status: cloudtrail.Status{Logging: true}, Validation: true}, cloudtrail.Management{Reads: true, Writes: true, Narrowed: []string{"userIdentity.arn"}}, nil)
	if r.State != broken || !strings.Contains(r.Detail, "leaves events out by userIdentity.arn") {
		t.Errorf("%+v", r)
	}
}

// The offline bundle has a row: whether it is there, and when a drill last opened it.
func TestDoctorOfABundle(t *testing.T) {
	n := newNight(t)
	look := func(s state, says string) {
		t.Helper()
		_, rows, _ := examined(t, terminal{cards: noCards(t)}, "--offline")
		saysOf(t, rows, "bundle", s, says)
	}
	look(leftOut, "init --seal")
	n.sealed()
	look(works, "never drilled: mfawatch breakglass drill --offline")
	if code, _, errs := n.run(n.code(0), "drill", "--offline"); code != 0 {
		t.Fatal(errs)
	}
	look(works, "not opened; last drilled 20")
	put(t, n.home.glass("bundle.age"), []byte("sealed"))
	look(broken, "init --seal --replace")
	put(t, n.home.glass("bundle.age"), nil)
	look(broken, "is no file of age")
}
