package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	rows := func() [][]string {
		return [][]string{{"NAME", "DEVICE", "NOTE"}, {"ada", "arn:aws:iam::111122223333:mfa/ada", ""}, {"grace", "", "à la\x1b[31m carte, of many words that go on"}}
	}
	for columns, want := range map[int]string{
		0: `NAME   DEVICE                             NOTE
ada    arn:aws:iam::111122223333:mfa/ada  -
grace  -                                  à la�[31m carte, of many words that go on
`,
		60: `NAME    ada
DEVICE  arn:aws:iam::111122223333:mfa/ada

NAME    grace
NOTE    à la�[31m carte, of many words that go on
`,
		30: `NAME    ada
DEVICE  arn:aws:iam::111122223333:mfa/ada

NAME    grace
NOTE    à la�[31m carte, of
        many words that go on
`,
	} {
		got := tableText(rows(), columns)
		if strings.Contains(got, "\x1b") {
			t.Errorf("in %d columns an escape is printed: %q", columns, got)
		}
		if got != want {
			t.Errorf("in %d columns:\n%s\nwant\n%s", columns, got, want)
		}
	}
	if got := tableText([][]string{{"NAME"}, {"ada"}}, 4); got != "NAME\nada\n" {
		t.Errorf("a table as wide as the terminal: %q", got)
	}
}
