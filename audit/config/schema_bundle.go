package config

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// BundledSchema is the JSON Schema of mfawatch.yaml in one document, for an editor: the two
// that FileSchema refers to stand in its $defs by their $id (JSON Schema core,
// bundling).
func BundledSchema() ([]byte, error) {
	var all object
	if err := json.Unmarshal(fileSchema, &all); err != nil {
		return nil, fmt.Errorf("read %s: %w", fileID, err)
	}
	defs, _ := all["$defs"].(object)
	for name, text := range map[string][]byte{"rules": rulesSchema, "exemptions": exemptionsSchema} {
		defs[name] = json.RawMessage(text)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(all); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", fileID, err)
	}
	return b.Bytes(), nil
}
