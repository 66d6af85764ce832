package rowitem_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/rowitem"
)

func TestReadIsWhatPutPut(t *testing.T) {
	for _, want := range []rowitem.Row{{Version: 1, Writer: "w", Text: []byte("{}")}, {Version: 1 << 40, Writer: "", Text: []byte("")}} {
		i := rowitem.Item{"key": rowitem.Text("k")}
		want.Put(i)
		got, err := rowitem.Read("k", "a ledger", i)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v, (-put +read)\n%s", err, diff)
		}
	}
	if got, err := rowitem.Read("k", "a ledger", nil); err != nil || got.Version != 0 {
		t.Errorf("no item = %+v, %v, want no row", got, err)
	}
}

// What somebody else wrote is an error, whatever of a row it has.
func TestOthersItems(t *testing.T) {
	for name, spoil := range map[string]func(rowitem.Item){
		"no version":                func(i rowitem.Item) { delete(i, "version") },
		"no writer":                 func(i rowitem.Item) { delete(i, "writer") },
		"no row":                    func(i rowitem.Item) { delete(i, "row") },
		"a version that is text":    func(i rowitem.Item) { i["version"] = rowitem.Text("1") },
		"a row that is a number":    func(i rowitem.Item) { i["row"] = rowitem.Number(1) },
		"a writer that is a number": func(i rowitem.Item) { i["writer"] = rowitem.Number(1) },
	} {
		i := rowitem.Item{"key": rowitem.Text("k")}
		rowitem.Row{Version: 1, Writer: "w", Text: []byte("{}")}.Put(i)
		spoil(i)
		if _, err := rowitem.Read("k", "a ledger", i); err == nil || !strings.Contains(err.Error(), "item k is no row of a ledger") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for _, n := range []int{0, -1} {
		i := rowitem.Item{}
		rowitem.Row{Version: n, Writer: "w", Text: []byte("{}")}.Put(i)
		if _, err := rowitem.Read("k", "a ledger", i); err == nil || !strings.Contains(err.Error(), "no number greater than zero") {
			t.Errorf("version %d: error %v", n, err)
		}
	}
}
