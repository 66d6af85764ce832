package seal_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"mfawatch/totp/seal"
)

// pluginKeys are those of the fake plugin, by way of an identity file as people
// have them.
func pluginKeys(t *testing.T, data string, stderr io.Writer) seal.Keys {
	t.Helper()
	ui := seal.UI(stderr)
	r, err := seal.ParseRecipient(plugin.EncodeRecipient("fake", []byte(data)), ui)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ReadIdentities(identityFile(t, "# a key\n\n"+plugin.EncodeIdentity("fake", []byte(data))+"\n"), ui)
	if err != nil {
		t.Fatal(err)
	}
	return seal.Keys{Recipients: []age.Recipient{r}, Identities: ids}
}

func identityFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "identity.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPlugin(t *testing.T) {
	fakeBin(t)
	var stderr bytes.Buffer
	dir := filepath.Join(t.TempDir(), "s")
	k := pluginKeys(t, "one", &stderr)
	put(t, store(t, dir, k), "ada")
	opens(t, store(t, dir, k), "ada")
	if got := stderr.String(); got != "fake plugin: touch  [2J me\n" {
		t.Errorf("the plugin's words are shown as %q", got)
	}
	refused(t, get(t, store(t, dir, pluginKeys(t, "two", &stderr)), "ada"), "it is sealed to plugin age1fake1")
	refused(t, get(t, store(t, dir, pluginKeys(t, "broken", &stderr)), "ada"), "ada.sealed: ", "pulled out")
	_, keys := identity(t)
	if _, err := store(t, dir, k).Rotate(t.Context(), keys); err != nil {
		t.Error(err)
	}
	opens(t, store(t, dir, keys), "ada")
	t.Setenv("PATH", t.TempDir())
	refused(t, store(t, dir, k).Put(t.Context(), header("bob"), secret()), "age-plugin-fake is not on the PATH: install it")
}

// A plugin that is missing, or says no, does not keep another way from opening.
func TestPluginIsOneWayOfSeveral(t *testing.T) {
	fakeBin(t)
	_, keys := identity(t)
	var stderr bytes.Buffer
	broken, k := pluginKeys(t, "broken", &stderr), pluginKeys(t, "one", &stderr)
	dir := filepath.Join(t.TempDir(), "s")
	put(t, store(t, dir, seal.Keys{Recipients: append(k.Recipients, keys.Recipients...)}), "ada")
	opens(t, store(t, dir, seal.Keys{Identities: append(broken.Identities, keys.Identities...)}), "ada")
	if stderr.Len() > 0 {
		t.Errorf("a person was asked for nothing: %s", stderr.String())
	}
	opens(t, store(t, dir, seal.Keys{Identities: append(broken.Identities, k.Identities...)}), "ada")
	t.Setenv("PATH", t.TempDir())
	refused(t, get(t, store(t, dir, k), "ada"), "ada.sealed: age-plugin-fake is not on the PATH: install it")
	opens(t, store(t, dir, seal.Keys{Identities: append(k.Identities, keys.Identities...)}), "ada")
}

func TestReadIdentities(t *testing.T) {
	id, keys := identity(t)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	good := identityFile(t, "# created: today\n# public key: x\n"+id.String()+"\r\n\n "+hybrid.String())
	ids, err := seal.ReadIdentities(good, nil)
	if err != nil || len(ids) != 2 {
		t.Fatalf("%d identities, error %v", len(ids), err)
	}
	dir := filepath.Join(t.TempDir(), "s")
	put(t, store(t, dir, keys), "ada")
	opens(t, store(t, dir, seal.Keys{Identities: ids}), "ada")
	for text, want := range map[string]string{
		"": "there is no identity in it: make one with age-keygen", "# only\n": "there is no identity in it",
		id.String()[:40]:                    "line 1: the identity is misspelt or cut short",
		"\nAGE-SECRET-KEY-PQ-1XX":           "line 2: the identity is misspelt",
		"AGE-PLUGIN-1":                      "line 1: the identity is misspelt",
		id.Recipient().String():             "line 1: this is a recipient",
		"hunter2":                           "line 1: it is no identity of age",
		"age-encryption.org/v1\n":           "it is encrypted itself",
		"-----BEGIN AGE ENCRYPTED FILE----": "it is encrypted itself",
		strings.Repeat("#", 1<<20+1):        "more than 1048576 bytes",
	} {
		name := identityFile(t, text)
		_, err := seal.ReadIdentities(name, nil)
		refused(t, err, "identity file "+name, want)
	}
	if err := os.Chmod(good, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = seal.ReadIdentities(good, nil)
	refused(t, err, good+": others can get at it (mode 0644): chmod 0600 it")
	_, err = seal.ReadIdentities(filepath.Join(t.TempDir(), "none"), nil)
	refused(t, err, "none: no such file or directory")
}

func TestParseRecipient(t *testing.T) {
	id, _ := identity(t)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{id.Recipient().String(), hybrid.Recipient().String(), plugin.EncodeRecipient("fake", []byte("x"))} {
		if _, err := seal.ParseRecipient(text, nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"": "no recipient of age", "hunter2": "no recipient of age", "age1": "misspelt", "age1fake1x": "misspelt", "age1pq1x": "misspelt",
		id.Recipient().String()[:60]: "misspelt", id.String(): "this is an identity, which is secret", strings.ToLower(id.String()): "this is an identity",
	} {
		_, err := seal.ParseRecipient(text, nil)
		refused(t, err, want)
		if text == id.String() && strings.Contains(err.Error(), text) {
			t.Error("the identity is shown")
		}
	}
}
