package fakeaws

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
)

// Client asks the server without a socket, whatever host a request is for: so
// calls to iam.amazonaws.com arrive here, and tests may run in a bubble of
// testing/synctest, where waiting takes no time.
func (s *Server) Client() *http.Client { return &http.Client{Transport: direct{s}} }

type direct struct{ server *Server }

// RoundTrip ends early when the request's context does, as a socket would.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// Start listens on this machine and returns the URL.
func (s *Server) Start() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.listener, s.http = l, &http.Server{Handler: s}
	go s.http.Serve(l)
	return "http://" + l.Addr().String(), nil
}

// Close ends what Start began.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	return s.http.Close()
}

func drain(r *http.Request) ([]byte, error) { return io.ReadAll(io.LimitReader(r.Body, 1<<20)) }
