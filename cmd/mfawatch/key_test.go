package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"mfawatch/totp"
	"mfawatch/totp/migration"
	"mfawatch/totp/qr"
)

// drawCommand makes what scripts import.
//
//	draw code FILE.png TEXT          a QR code
//	draw transfer NAME COUNT         a transfer of so many keys, as NAME-1.png …
//	draw same FILE.png FILE          asserts that the picture says what FILE says
func drawCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: draw code FILE.png TEXT | draw transfer NAME COUNT | draw same FILE.png FILE")
	}
	switch args[0] {
	case "code":
		drawCode(ts, args[1], args[2])
	case "transfer":
		drawTransfer(ts, args[1], args[2])
	case "same":
		text, err := qr.Read([]byte(ts.ReadFile(args[1])))
		ts.Check(err)
		if string(text.Reveal()) != strings.TrimSpace(ts.ReadFile(args[2])) {
			ts.Fatalf("%s says something else than %s", args[1], args[2])
		}
	}
}

func drawCode(ts *testscript.TestScript, file, text string) {
	var b bytes.Buffer
	ts.Check(qr.PNG(&b, text, qr.DefaultSize))
	ts.Check(os.WriteFile(ts.MkAbs(file), b.Bytes(), 0o600))
}

func drawTransfer(ts *testscript.TestScript, name, count string) {
	var n int
	_, err := fmt.Sscan(count, &n)
	ts.Check(err)
	var keys []totp.Key
	for i := range n {
		k, err := totp.New(totp.Settings{Issuer: "AWS", Account: fmt.Sprintf("user%d@111122223333", i+1)}, []byte("12345678901234567890"))
		ts.Check(err)
		keys = append(keys, k)
	}
	for i, p := range migration.Split(keys, 1) {
		uri, err := p.URI()
		ts.Check(err)
		drawCode(ts, fmt.Sprintf("%s-%d.png", name, i+1), uri)
	}
}
