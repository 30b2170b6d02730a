package stack

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// functionURL is a way to a function: a URL, and the address to dial where its name does not resolve from here.
type functionURL struct {
	url  string // ends with a slash
	dial string // host and port; "" is those of the URL
}

// HealthURL is where the health function answers, ending with a slash. On AWS it is the one in the stack's outputs. A
// local cloud names a host and a port that it has where it runs, or a name of AWS's, so there it is found by trying,
// and the answer is one that curl and browsers resolve. Where none answers it is the cloud's own.
func (s *Stack) HealthURL(ctx context.Context) string { return s.way(ctx).url }

// way finds the way to the health function, once. On a local cloud only its own endpoint is tried: the name that it
// gives may be one of AWS's, or somebody else's.
func (s *Stack) way(ctx context.Context) functionURL {
	if s.reachable != nil {
		return *s.reachable
	}
	found := functionURL{url: s.healthURL}
	for _, w := range waysTo(s.healthURL, s.endpoint()) {
		// An older LocalStack answers 200 with nothing where it knows no such path.
		if status, body, err := w.get(ctx, "live"); err == nil && status == http.StatusOK && strings.Contains(string(body), "live") {
			found = w
			break
		}
	}
	s.reachable = &found
	return found
}

// waysTo lists where a local cloud may serve a function of this URL. There are none on AWS, which keeps what it says.
func waysTo(own, endpoint string) (ways []functionURL) {
	u, err := url.Parse(own)
	base, fault := url.Parse(endpoint)
	if endpoint == "" || err != nil || fault != nil {
		return nil
	}
	// MiniStack puts AWS's own name into the output and serves it under a path.
	id, behind, _ := strings.Cut(u.Hostname(), ".")
	ways = []functionURL{{url: endpoint + "/_aws/lambda-url/" + id + "/"}}
	// LocalStack goes by the name, with any host behind the region. Names below localhost are this machine, as curl and
	// browsers know and some resolvers do not.
	labels := strings.SplitN(behind, ".", 3)
	if len(labels) < 3 {
		return ways
	}
	host := base.Hostname()
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	named := url.URL{Scheme: base.Scheme, Host: strings.Join([]string{id, labels[0], labels[1], host}, "."), Path: "/"}
	if port := base.Port(); port != "" {
		named.Host += ":" + port
	}
	return append(ways, functionURL{url: named.String(), dial: base.Host})
}

// Get asks the health function for a path without its leading slash, such as "health".
func (s *Stack) Get(ctx context.Context, path string) (status int, body []byte, err error) {
	return s.way(ctx).get(ctx, path)
}

func (f functionURL) get(ctx context.Context, path string) (status int, body []byte, err error) {
	return get(ctx, f.url+path, f.dial)
}

// get reads a page of at most 1 MiB. dial is the host and port to connect to instead of the URL's; "" is those.
func get(ctx context.Context, url, dial string) (status int, body []byte, err error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if dial != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, dial)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	answer, err := (&http.Client{Transport: transport, Timeout: 15 * time.Second}).Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, body, err
}
