package validation

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"mfawatch/totp/yubikey/otp"
)

// YubiCloud is Yubico's own service.
const YubiCloud = "https://api.yubico.com" + Path

// Settings are a client's.
type Settings struct {
	ID      string   // the client's, in digits
	Key     APIKey   // signs requests and answers; there is no asking without
	Servers []string // addresses, all asked at once; none is YubiCloud. What has no path gets Path

	Counters bool          // asks for the key's counters too; not every server can tell them
	Level    string        // of syncing: "" leaves it to the server, or fast, secure, or 0 to 100 percent
	Timeout  time.Duration // of all together; 0 is 10 s
	MaxAge   time.Duration // of an answer, by its own time and our clock; 0 is 2 min
	Plain    bool          // http is allowed to other machines than this one too

	HTTP   *http.Client     // nil is net/http's, with its proxies. Redirections are never followed
	Now    func() time.Time // nil is time.Now
	Random io.Reader        // nil is crypto/rand's
}

// Client asks validation servers. It may be used by many at once.
type Client struct {
	settings Settings
	servers  []*url.URL
}

// Answer is a server's OK.
type Answer struct {
	Server   string    // which said it
	PublicID string    // whose OTP it is: that it is the right person's is for the caller to know
	At       time.Time // by the server's clock, to the second
	Sync     int       // percent of the server's peers that agreed; -1 when it does not say
	Counted  bool      // it told the counters
	Token    otp.Token // Session, Use and Timestamp, where Counted
}

const (
	defaultTimeout = 10 * time.Second
	defaultMaxAge  = 2 * time.Minute
	mostServers    = 10
)

// NewClient checks the settings.
func NewClient(s Settings) (*Client, error) {
	if len(s.Servers) == 0 {
		s.Servers = []string{YubiCloud}
	}
	s.Timeout, s.MaxAge = cmp.Or(s.Timeout, defaultTimeout), cmp.Or(s.MaxAge, defaultMaxAge)
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Random == nil {
		s.Random = rand.Reader
	}
	s.HTTP = withoutRedirections(s.HTTP)
	c := &Client{settings: s}
	for _, text := range s.Servers {
		u, err := address(text, s.Plain)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, u)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return c, nil
}

func (s Settings) check() error {
	switch {
	case !isID(s.ID):
		return fmt.Errorf("client id %q is no number of at most 19 digits", s.ID)
	case s.Key.reveal == nil:
		return errors.New("a client needs an API key: without, anybody on the way could answer")
	case !isLevel(s.Level):
		return fmt.Errorf("sync level %q is none of fast, secure and 0 to 100", s.Level)
	case s.Timeout < 0 || s.MaxAge < 0:
		return errors.New("a time-out or an age is negative")
	case len(s.Servers) > mostServers:
		return fmt.Errorf("%d servers: at most %d are asked at once", len(s.Servers), mostServers)
	}
	return nil
}

func isID(text string) bool {
	for _, b := range []byte(text) {
		if b < '0' || b > '9' {
			return false
		}
	}
	return text != "" && len(text) <= 19
}

func isLevel(text string) bool {
	if text == "" || text == "fast" || text == "secure" {
		return true
	}
	_, err := percent(text)
	return err == nil
}

// percent reads 0 to 100, in one spelling.
func percent(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 100 || strconv.Itoa(n) != text {
		return 0, errors.New("it is no number from 0 to 100")
	}
	return n, nil
}

// address is a server's. Errors do not show what may hold a password.
func address(text string, plain bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("a server's address is not written as https://HOST" + Path)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("the address of %s has a user, a query or a fragment: leave them out", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the address of %s begins with %s: https is spoken", u.Host, u.Scheme)
	case u.Scheme == "http" && !plain && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("the address of %s begins with http, which everybody on the way can read: use https", u.Host)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = Path
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// withoutRedirections: what a server is asked is for it alone.
func withoutRedirections(c *http.Client) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Verify asks all servers at once. The first answer that decides is the answer; what
// is not believed, what a fault says and what comes late decide nothing. Its errors are
// *StatusError where a server decided, and otherwise hold what each said.
func (c *Client) Verify(ctx context.Context, o otp.OTP) (Answer, error) {
	if o.Text() == "" {
		return Answer{}, otp.ErrMalformed
	}
	q, err := c.question(o)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	said := make(chan reply, len(c.servers)) // with room for all: nobody waits for a reader
	for _, server := range c.servers {
		go func() { said <- c.ask(ctx, server, q) }()
	}
	waiting := make([]string, len(c.servers))
	for i, server := range c.servers {
		waiting[i] = server.Host
	}
	return first(ctx, said, waiting)
}

// reply is what became of asking one server.
type reply struct {
	server string
	answer Answer
	err    error
}

func first(ctx context.Context, said <-chan reply, waiting []string) (Answer, error) {
	var all undecided
	for len(waiting) > 0 {
		r, heard := next(ctx, said)
		if !heard {
			for _, server := range waiting {
				all = append(all, unreached(server, ctx.Err()))
			}
			break
		}
		var refusal *StatusError
		if r.err == nil || errors.As(r.err, &refusal) && refusal.decides() {
			return r.answer, r.err
		}
		all = append(all, r.err)
		i := slices.Index(waiting, r.server)
		waiting = slices.Delete(waiting, i, i+1)
	}
	return Answer{}, all
}

// next is one reply more. One that came before the time was over is heard, whichever of
// the two is seen first.
func next(ctx context.Context, said <-chan reply) (r reply, heard bool) {
	select {
	case r = <-said:
		return r, true
	case <-ctx.Done():
	}
	select {
	case r = <-said:
		return r, true
	default:
		return r, false
	}
}

// question is one request, the same to all servers.
type question struct {
	otp, nonce, query string
	public            string
}

func (c *Client) question(o otp.OTP) (question, error) {
	random := make([]byte, 16)
	if _, err := io.ReadFull(c.settings.Random, random); err != nil {
		return question{}, fmt.Errorf("read random bytes for a nonce: %w", err)
	}
	q := question{otp: o.Text(), nonce: hex.EncodeToString(random), public: o.PublicID()}
	f := fields{"id": c.settings.ID, "otp": q.otp, "nonce": q.nonce}
	f["timeout"] = strconv.FormatInt(int64(max(c.settings.Timeout/time.Second, 1)), 10)
	if c.settings.Level != "" {
		f["sl"] = c.settings.Level
	}
	if c.settings.Counters {
		f["timestamp"] = "1"
	}
	f["h"] = f.signature(c.settings.Key)
	values := url.Values{}
	for key, value := range f {
		values.Set(key, value)
	}
	q.query = values.Encode()
	return q, nil
}

func (c *Client) ask(ctx context.Context, server *url.URL, q question) reply {
	r := reply{server: server.Host}
	body, err := c.fetch(ctx, server, q.query)
	if err != nil {
		r.err = err
		return r
	}
	r.answer, r.err = c.judge(server.Host, body, q)
	return r
}

func (c *Client) fetch(ctx context.Context, server *url.URL, query string) ([]byte, error) {
	u := *server
	u.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, unreached(server.Host, errors.New("the request cannot be made"))
	}
	req.Close = true // on a connection that was used, net/http would send it twice
	req.Header.Set("User-Agent", "mfawatch")
	res, err := c.settings.HTTP.Do(req)
	if err != nil {
		return nil, unreached(server.Host, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, &Untrusted{server.Host, fmt.Sprintf("HTTP status %d: check the server's address", res.StatusCode)}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostBytes+1))
	switch {
	case err != nil:
		return nil, unreached(server.Host, err)
	case len(body) > mostBytes:
		return nil, &Untrusted{server.Host, fmt.Sprintf("it has more than %d bytes", mostBytes)}
	}
	return body, nil
}

// unreached words why there is no answer. net/http's own errors show the request, which
// is the OTP, or what the server wrote, which may be.
func unreached(server string, err error) error {
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: it did not answer in time: %w", server, context.DeadlineExceeded)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", server, context.Canceled)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: %w", server, certificate)
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", server, op)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Untrusted{server, "it ends before it is whole"}
	}
	return &Untrusted{server, "it is no HTTP that is understood: check the server's address"}
}
