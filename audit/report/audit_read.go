package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// ReadAudit reads what the json format wrote: one account or an organisation.
// The name says in errors what was read. A field that it does not know is an
// error, and so is one that is missing: findings that were dropped in silence
// would look resolved. It holds the audit in memory, never its text.
func ReadAudit(name string, r io.Reader) (Audit, error) {
	text := bufio.NewReaderSize(r, 1<<16)
	if head, _ := text.Peek(64); !mayBeObject(head) {
		return Audit{}, fmt.Errorf("%s: it is not a JSON object: want what 'mfawatch audit -o FILE.json' wrote", name)
	}
	d := &auditReader{d: json.NewDecoder(text)}
	d.d.DisallowUnknownFields()
	a, err := d.audit()
	if err != nil {
		return Audit{}, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// mayBeObject tells other formats by how they begin. Nothing at all is not
// judged here: the file may be empty, or no file.
func mayBeObject(head []byte) bool {
	head = bytes.TrimSpace(head)
	return len(head) == 0 || head[0] == '{'
}

// auditReader reads an audit token by token.
type auditReader struct {
	d      *json.Decoder
	schema string
}

// fields are what an object may hold, and how each is read.
type fields map[string]func() error

func (r *auditReader) audit() (Audit, error) {
	var a Audit
	var one posture.Account
	var skipped json.RawMessage
	all := r.accountFields(&one)
	all["schema"] = r.readSchema
	all["organization"] = r.into(&a.Organization)
	all["accounts"] = func() error { return readItems(r, &a.Accounts, r.account) }
	all["changes"] = r.into(&skipped)
	seen, err := r.object(all)
	if err != nil {
		return Audit{}, err
	}
	if _, err := r.d.Token(); !errors.Is(err, io.EOF) {
		return Audit{}, errors.New("something follows the JSON object")
	}
	if r.schema == OrganizationSchema {
		return a, ofSchema(r.schema, seen, organizationKeys)
	}
	a.Accounts = []posture.Account{one}
	return a, ofSchema(r.schema, seen, append([]string{"schema"}, accountKeys...))
}

// The fields that must be there, and those that may.
var (
	organizationKeys = []string{"schema", "organization", "taken_at", "summary", "accounts"}
	accountKeys      = []string{"account", "partition", "taken_at", "summary", "roster", "gaps", "findings"}
	accountMayHave   = []string{"alias", "name", "status", "credential_report_generated"}
)

// ofSchema holds the fields that were seen against those of the schema.
func ofSchema(schema string, seen, must []string) error {
	for _, key := range must {
		if !slices.Contains(seen, key) {
			return fmt.Errorf("field %q is missing: the file is not a whole audit", key)
		}
	}
	may := append(slices.Clone(must), "changes")
	if schema == AuditSchema {
		may = append(may, accountMayHave...)
	}
	for _, key := range seen {
		if !slices.Contains(may, key) {
			return fmt.Errorf("field %q is not one of %s", key, schema)
		}
	}
	return nil
}

func (r *auditReader) readSchema() error {
	if err := r.d.Decode(&r.schema); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if r.schema != AuditSchema && r.schema != OrganizationSchema {
		hint := ""
		if r.schema == audit.SnapshotSchema {
			hint = "; a snapshot is judged first, by mfawatch audit --from"
		}
		return fmt.Errorf("it is %q, this program reads %q and %q%s", r.schema, AuditSchema, OrganizationSchema, hint)
	}
	return nil
}

func (r *auditReader) accountFields(a *posture.Account) fields {
	return fields{
		"account":   r.into(&a.Account),
		"alias":     r.into(&a.Alias),
		"name":      r.into(&a.Name),
		"status":    r.into(&a.Status),
		"partition": r.into(&a.Partition),
		"taken_at":  r.into(&a.TakenAt),
		"summary":   r.into(&a.Summary),
		"roster":    func() error { return readItems(r, &a.Roster, decodeItem[posture.Holder]) },
		"gaps":      func() error { return readItems(r, &a.Gaps, decodeItem[audit.Gap]) },
		"findings":  func() error { return readItems(r, &a.Findings, decodeItem[audit.Finding]) },

		"credential_report_generated": r.into(&a.ReportMade),
	}
}

func (r *auditReader) into(v any) func() error { return func() error { return r.d.Decode(v) } }

// account reads one account of an organisation.
func (r *auditReader) account(*json.Decoder) (posture.Account, error) {
	var a posture.Account
	seen, err := r.object(r.accountFields(&a))
	for _, key := range accountKeys {
		if err == nil && !slices.Contains(seen, key) {
			err = fmt.Errorf("field %q is missing: the file is not a whole audit", key)
		}
	}
	return a, err
}

// object reads an object's fields, in any order, and says which there were.
func (r *auditReader) object(all fields) ([]string, error) {
	if err := r.delim('{', "an object"); err != nil {
		return nil, err
	}
	var seen []string
	for r.d.More() {
		key, err := r.d.Token()
		if err != nil {
			return nil, broken(err)
		}
		name, _ := key.(string) // a key is always a text
		read := all[name]
		switch {
		case read == nil:
			return nil, fmt.Errorf("field %q is not one of an audit: the file is of a newer mfawatch or something else", name)
		case slices.Contains(seen, name):
			return nil, fmt.Errorf("field %q is there twice", name)
		}
		if err := read(); err != nil {
			return nil, named(name, broken(err))
		}
		seen = append(seen, name)
	}
	_, err := r.d.Token()
	return seen, broken(err)
}

// delim reads an opening brace or bracket.
func (r *auditReader) delim(want json.Delim, what string) error {
	token, err := r.d.Token()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty: give a file that mfawatch audit --format json wrote")
	case err != nil:
		return broken(err)
	case token != want:
		return fmt.Errorf("it is not %s of JSON", what)
	}
	return nil
}

// readItems reads a list item by item.
func readItems[T any](r *auditReader, items *[]T, read func(*json.Decoder) (T, error)) error {
	if err := r.delim('[', "a list"); err != nil {
		return err
	}
	*items = []T{}
	for r.d.More() {
		item, err := read(r.d)
		if err != nil {
			return at(len(*items), broken(err))
		}
		*items = append(*items, item)
	}
	_, err := r.d.Token()
	return broken(err)
}

func decodeItem[T any](d *json.Decoder) (T, error) {
	var item T
	err := d.Decode(&item)
	return item, err
}

// fault is an error with the way to it: accounts[2].findings[17].
type fault struct {
	way string
	err error
}

func (f fault) Error() string { return strings.TrimPrefix(f.way, ".") + ": " + f.err.Error() }
func (f fault) Unwrap() error { return f.err }

func named(key string, err error) error { return further("."+key, err) }
func at(i int, err error) error         { return further(fmt.Sprintf("[%d]", i), err) }

func further(step string, err error) error {
	var f fault
	if errors.As(err, &f) {
		return fault{step + f.way, f.err}
	}
	return fault{step, err}
}

// broken words an end of the file in its middle.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends in the middle: it is not a whole audit")
	}
	return err
}
