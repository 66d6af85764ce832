package config

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestBundle: the bundle stands alone and says the same of every case as the
// schemas that files are checked with.
func TestBundle(t *testing.T) {
	text, err := BundledSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("bundle.json", doc); err != nil {
		t.Fatal(err)
	}
	alone, err := c.Compile("bundle.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := fileForm()
	if err != nil {
		t.Fatal(err)
	}
	good, bad := 0, 0
	for _, in := range deploymentFiles(t) {
		root, faults := parse(in)
		if root == nil || faults != nil {
			continue
		}
		want, got := s.compiled.Validate(root.value()), alone.Validate(root.value())
		if (want == nil) != (got == nil) {
			t.Errorf("%s\nthe bundle says %v, the schema %v", in, got, want)
		}
		if got == nil {
			good++
		} else {
			bad++
		}
	}
	if good < 20 || bad < 10 {
		t.Errorf("%d accepted and %d refused cases", good, bad)
	}
}
