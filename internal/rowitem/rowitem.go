// Package rowitem is rows as items of DynamoDB, for those who must not lose one: each
// with the version that a condition asks for, and who wrote it, so that an answer that
// was lost can be told from somebody else's change.
//
// It promises that what Read reads is what Put put, and that an item which is there and
// was not written so is an error and never no row: that would forget what was used. It
// calls nobody: which condition holds a change is its callers' to say, and they know
// nothing of each other's tables.
package rowitem

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is an item of DynamoDB.
type Item = map[string]types.AttributeValue

// Row is an item as it was read; version 0 is none.
type Row struct {
	Version int
	Writer  string
	Text    []byte
}

// The attributes of a row, beside its key.
const (
	version = "version"
	writer  = "writer"
	text    = "row"
)

// Read reads an item of a key; whose tells what it should be a row of.
func Read(key, whose string, i Item) (Row, error) {
	if len(i) == 0 {
		return Row{}, nil
	}
	v, _ := i[version].(*types.AttributeValueMemberN)
	w, _ := i[writer].(*types.AttributeValueMemberS)
	kept, _ := i[text].(*types.AttributeValueMemberS)
	if v == nil || w == nil || kept == nil {
		return Row{}, fmt.Errorf("dynamodb item %s is no row of %s: version, writer and row are wanted", key, whose)
	}
	n, err := strconv.Atoi(v.Value)
	if err != nil || n < 1 {
		return Row{}, fmt.Errorf("dynamodb item %s: its version is no number greater than zero", key)
	}
	return Row{Version: n, Writer: w.Value, Text: []byte(kept.Value)}, nil
}

// Put adds a row to an item that has its key.
func (r Row) Put(i Item) {
	i[version], i[writer], i[text] = Number(r.Version), Text(r.Writer), Text(string(r.Text))
}

// Text is a text as DynamoDB has it.
func Text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// Number is a number as DynamoDB has it.
func Number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }
