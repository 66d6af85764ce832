package vaultapi

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Check decides whether an address may be served: a loopback address may, any other
// with TLS only. A token and every code cross the wire as they are. The address is an IP
// address and a port, since what a name means is decided elsewhere.
func Check(addr string, config *tls.Config) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q is no IP:PORT, as in 127.0.0.1:8200", addr)
	}
	switch {
	case config != nil && len(config.Certificates) == 0 && config.GetCertificate == nil && config.GetConfigForClient == nil:
		return fmt.Errorf("TLS on %s has no certificate: give one", addr)
	case config == nil && !loopback(host):
		return fmt.Errorf("codes are not served on %s without TLS: listen on 127.0.0.1 or [::1], or give a certificate", addr)
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// trusted tells why a request is not served, if it is not. A page in a browser can reach
// loopback under a name of its own (DNS rebinding): the Host header tells. And a handler
// that was put on another address by mistake serves nobody.
func (h *handler) trusted(r *http.Request) string {
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && r.TLS == nil && !at.AddrPort().Addr().Unmap().IsLoopback() {
		return "this address is served with TLS only"
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	named := slices.ContainsFunc(h.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
	if named || host == "localhost" || loopback(host) || r.TLS != nil && len(h.Hosts) == 0 {
		return ""
	}
	return "the Host header is none of this server's names: call it by its address, or add the name to the server's hosts"
}
