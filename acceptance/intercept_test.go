//go:build acceptance

package acceptance

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// intercept stands between a program that knows no other endpoints than AWS's own and
// AWS: a proxy on this machine that answers every host itself, under a certificate that
// it made and that the program is told to trust. It gives the environment for that.
func intercept(t *testing.T, aws http.Handler) []string {
	t.Helper()
	pair, authority := throwAway(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	inner := &listener{conns: make(chan net.Conn), done: make(chan struct{})}
	t.Cleanup(func() { close(inner.done) })
	go func() { _ = http.Serve(inner, aws) }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go tunnel(c, inner, &tls.Config{Certificates: []tls.Certificate{pair}})
		}
	}()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := "http://" + l.Addr().String()
	return []string{"HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "SSL_CERT_FILE=" + file, "AWS_CA_BUNDLE=" + file, "NO_PROXY=", "no_proxy="}
}

// tunnel answers CONNECT and speaks TLS from then on.
func tunnel(c net.Conn, to *listener, conf *tls.Config) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || r.Method != http.MethodConnect {
		c.Close()
		return
	}
	if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
		c.Close()
		return
	}
	select {
	case to.conns <- tls.Server(c, conf):
	case <-to.done:
		c.Close()
	}
}

// listener hands on connections that came another way.
type listener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// throwAway makes a certificate for AWS's hosts that is its own authority.
func throwAway(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test's AWS"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.amazonaws.com", "*.eu-north-1.amazonaws.com", "*.us-east-1.amazonaws.com"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
