package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHeartbeat(t *testing.T) {
	asked := 0
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer plain.Close()
	var srv *httptest.Server
	srv = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ping/key":
			if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
				w.WriteHeader(http.StatusBadRequest)
			}
		case "/gone/key":
			w.WriteHeader(http.StatusNotFound)
		case "/plain/key":
			http.Redirect(w, r, plain.URL+"/key", http.StatusFound)
		case "/moved/key":
			http.Redirect(w, r, srv.URL+"/ping/key", http.StatusMovedPermanently)
		case "/round/key":
			http.Redirect(w, r, srv.URL+"/round/key", http.StatusFound)
		case "/bad/key":
			w.Header().Set("Location", "https://[key")
			w.WriteHeader(http.StatusFound)
		}
	}))
	defer srv.Close()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	closed := httptest.NewTLSServer(http.NotFoundHandler())
	closed.Close()
	for address, want := range map[string]string{
		srv.URL + "/ping/key":         "<nil>",
		srv.URL + "/moved/key":        "<nil>",
		srv.URL + "/gone/key":         "answered with status 404",
		srv.URL + "/plain/key":        "redirected away from https",
		srv.URL + "/round/key":        "redirected more than three times",
		srv.URL + "/bad/key":          "no answer",
		closed.URL + "/key":           "no answer",
		"https://192.0.2.1:0/\x00key": "MFAWATCH_HEARTBEAT_URL is no URL",
	} {
		err := newHeart(address, srv.Client().Transport).Beat(t.Context())
		if fmt.Sprint(err) != want || err != nil && strings.Contains(err.Error(), "key") {
			t.Errorf("%q: %v, want %s", address, err, want)
		}
	}
	if err := newHeart(srv.URL+"/ping/key", http.DefaultTransport).Beat(t.Context()); fmt.Sprint(err) != "no safe connection: its certificate is not good" {
		t.Errorf("a certificate that nobody signed: %v", err)
	}
	if asked != 0 {
		t.Errorf("the address went over http %d times", asked)
	}
}
