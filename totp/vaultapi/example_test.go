package vaultapi_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/vaultapi"
	"mfawatch/totp/vaultapi/vaultapitest"
)

// A server on loopback, with what a program that serves has to give it. Keys are the
// program's ring of sealed keys, the store its ledger, the record a file.
func ExampleServer() {
	text, token, err := vaultapi.NewToken("ada", []vaultapi.Grant{{Key: "*", Rights: []vaultapi.Right{vaultapi.Manage, vaultapi.Verify}}}, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := &ledgertest.Memory{}
	s := &vaultapi.Server{
		Keys:     &vaultapitest.Keys{},
		Tokens:   vaultapi.TokenList{token},
		Audit:    &vaultapi.Lines{W: io.Discard},
		Prover:   ledger.Prover{Store: store},
		Verifier: ledger.Verifier{Store: store},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l, nil) }()

	for _, body := range []string{`{"url":"otpauth://totp/ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}`, `{"generate":"true","issuer":"AWS","account_name":"ada"}`} {
		q, err := http.NewRequest("PUT", "http://"+l.Addr().String()+"/v1/totp/keys/aws", strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		q.Header.Set("X-Vault-Token", text)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, _ := io.ReadAll(r.Body)
		r.Body.Close()
		fmt.Println(strings.TrimSpace(r.Status + " " + string(answer)))
	}
	stop()
	fmt.Println(<-ended)
	// Output:
	// 204 No Content
	// 400 Bad Request {"errors":["exported is true, and the server was not told that it may show a new secret: give exported=false, or start the server with export allowed"]}
	// <nil>
}
