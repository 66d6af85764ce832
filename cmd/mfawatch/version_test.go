package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func TestVersionOfABuild(t *testing.T) {
	info := func(module string, settings ...string) *debug.BuildInfo {
		b := &debug.BuildInfo{Main: debug.Module{Version: module}}
		for i := 0; i < len(settings); i += 2 {
			b.Settings = append(b.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return b
	}
	at := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	yes, no := true, false
	for name, c := range map[string]struct {
		told string
		info *debug.BuildInfo
		want build
		says string
	}{
		"a release":                     {"v1.2.3", info("(devel)", "vcs.revision", "abc", "vcs.time", "2026-11-26T08:00:00Z", "vcs.modified", "false"), build{Version: "v1.2.3", Commit: "abc", CommitTime: &at, Modified: &no}, "files     as in that commit"},
		"changed files":                 {"dev", info("", "vcs.revision", "abc", "vcs.modified", "true"), build{Version: "dev", Commit: "abc", Modified: &yes}, "files     changed since that commit"},
		"go install":                    {"development", info("v1.0.1"), build{Version: "v1.0.1"}, "commit    not known"},
		"go run":                        {"development", info("(devel)"), build{Version: "development"}, "mfawatch  development"},
		"no version of the module":      {"development", info(""), build{Version: "development"}, "mfawatch  development"},
		"no build information":          {"v1", nil, build{Version: "v1"}, "commit    not known"},
		"a time that is none of a time": {"v1", info("", "vcs.time", "soon"), build{Version: "v1"}, "for       " + runtime.GOOS},
	} {
		got := builtAs(c.told, c.info)
		c.want.Go, c.want.OS, c.want.Arch = runtime.Version(), runtime.GOOS, runtime.GOARCH
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(c.want)
		if string(a) != string(b) || !strings.Contains(got.text(0), c.says) {
			t.Errorf("%s: %s, want %s\n%s", name, a, b, got.text(0))
		}
	}
}

func TestVersion(t *testing.T) {
	code, said := ends(t, "", "version", "--format", "json")
	var b build
	if err := json.Unmarshal([]byte(said), &b); err != nil || code != exitClean || b.Version == "" || b.Go != runtime.Version() || b.OS != runtime.GOOS || b.Arch != runtime.GOARCH {
		t.Errorf("ends with %d, %v: %s", code, err, said)
	}
	if code, said := ends(t, "", "--version"); code != exitClean || said != "mfawatch version "+b.Version+"\n" {
		t.Errorf("--version ends with %d: %s", code, said)
	}
}
