package main

import (
	"context"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"mfawatch/totp"
	"mfawatch/totp/seal"
)

// ringCommand makes keys for a script.
//
//	ring identity FILE         makes an age identity, seals to it from then on, and
//	                           keeps it in FILE
//	ring key NAME DEVICE URI   seals a key; DEVICE - is none
//	ring codes FILE            writes codes of RFC 6238's seed, of now and the three next
func ringCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ring identity FILE | ring key NAME DEVICE URI | ring codes FILE")
	}
	h := home{ts.Getenv("MFAWATCH_HOME")}
	ts.Check(os.MkdirAll(h.dir, 0o700))
	if args[0] == "identity" {
		id, err := age.GenerateX25519Identity()
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(id.String()+"\n"), 0o600))
		ts.Check(h.writeRecipients([]string{id.Recipient().String()}))
		return
	}
	if args[0] == "codes" {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(comingCodes()), 0o600))
		return
	}
	to, err := h.recipients()
	ts.Check(err)
	keys, err := sealedTo(context.Background(), terminal{}, to)
	ts.Check(err)
	ts.Check(putKey(h, keys, args[1], args[2], args[3]))
}

func putKey(h home, keys seal.Keys, name, device, uri string) error {
	if device == "-" {
		device = ""
	}
	k, err := totp.Parse(uri)
	if err != nil {
		return err
	}
	r, err := h.ring(keys)
	if err != nil {
		return err
	}
	if _, _, err := h.ledger(context.Background()); err != nil {
		return err
	}
	return patiently(func() error { return r.Put(context.Background(), name, device, k) }) // a program that is being started holds the lock for a moment
}

func comingCodes() string {
	k, err := totp.New(totp.Settings{Account: "x"}, []byte(rfcSeed))
	if err != nil {
		panic(err)
	}
	text := ""
	for step := time.Now().Unix() / 30; strings.Count(text, "\n") < 4; step++ {
		code, err := k.At(step)
		if err != nil {
			panic(err)
		}
		text += code + "\n"
	}
	return text
}
