// Package standin stands in front of a MiniStack and gives it the traits in which LocalStack differs, each by itself
// or together, so that they stay tested where no LocalStack runs. What it knows of them is from LocalStack's own code
// and answers, of the versions that are named with each.
//
// It takes requests as the AWS SDK for Go and the AWS CLI of this repository send them: SQS and logs as JSON,
// CloudFormation as a form.
package standin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
)

// Trait is a way in which a local cloud differs from AWS, and from MiniStack.
type Trait string

// The traits.
const (
	Rewrites  Trait = "rewrites"   // bodies reach functions read and written anew by Python, as in 4.14.0
	Small     Trait = "small"      // a batch call holds 256 KiB, as in 3.1.0
	NoGroups  Trait = "no-groups"  // a standard queue refuses MessageGroupId, as 3.1.0 does
	Unsorted  Trait = "unsorted"   // FilterLogEvents answers one stream after another, or in no order
	InnerPort Trait = "inner-port" // URLs name the port inside of LocalStack's container, and go by their names only
	Blank     Trait = "blank"      // a path that it does not know answers 200 and nothing, as in 3.1.0
	Named     Trait = "named"      // it says that it is LocalStack, and has none of MiniStack's own paths
)

// All are the traits, in the order in which people are told of them.
var All = []Trait{Rewrites, Small, NoGroups, Unsorted, InnerPort, Blank, Named}

// functionHost stands between the id of a function URL and the region.
const functionHost = ".lambda-url."

// StandIn is a local cloud with traits. It serves HTTP.
type StandIn struct {
	cloud  *url.URL
	traits map[Trait]bool
	direct http.RoundTripper
	proxy  *httputil.ReverseProxy

	poller *Poller // with Rewrites only
	sent   originals
}

// New makes a stand-in for the MiniStack at a URL. It must be closed.
func New(ctx context.Context, cloud string, traits ...Trait) (*StandIn, error) {
	target, err := url.Parse(cloud)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a MiniStack, such as http://127.0.0.1:4566", cloud)
	}
	s := &StandIn{
		cloud: target, traits: map[Trait]bool{},
		// An answer passes as it is. As many connections stay open as functions send side by side.
		direct: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	for _, t := range traits {
		s.traits[t] = true
	}
	s.proxy = &httputil.ReverseProxy{
		Transport:      s.direct,
		ModifyResponse: s.nameInside,
		ErrorHandler:   fail,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if id, _, found := strings.Cut(r.In.Host, functionHost); found {
				// By its path, since MiniStack keeps some paths for itself even below a function's name.
				r.Out.URL.Path, r.Out.URL.RawPath = "/_aws/lambda-url/"+id+r.In.URL.Path, ""
			} else {
				r.Out.Host = r.In.Host // it is signed
			}
		},
	}
	if s.traits[Rewrites] {
		if s.poller, err = NewPoller(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close ends what the stand-in started.
func (s *StandIn) Close() error {
	if s.poller == nil {
		return nil
	}
	return s.poller.Close()
}

// ServeHTTP answers a request as the cloud with these traits does.
func (s *StandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.Contains(r.Host, functionHost): // a function has all paths to itself
		s.proxy.ServeHTTP(w, r)
	case s.traits[Named] && path == "/_localstack/health":
		localStackHealth(w)
	case s.traits[Named] && path == "/_localstack/info":
		localStackInfo(w)
	case s.traits[Blank] && strings.HasPrefix(path, "/_aws/lambda-url/"):
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	case s.traits[Named] && (strings.HasPrefix(path, "/_ministack/") || path == "/health"),
		s.traits[InnerPort] && strings.HasPrefix(path, "/_aws/lambda-url/"):
		noSuchBucket(w, r)
	default:
		s.serveAPI(w, r)
	}
}

// serveAPI answers a call of an API.
func (s *StandIn) serveAPI(w http.ResponseWriter, r *http.Request) {
	var serve func(http.ResponseWriter, *http.Request, []byte) error
	switch r.Header.Get("X-Amz-Target") {
	case "AmazonSQS.SendMessage":
		serve = s.sendMessage
	case "AmazonSQS.SendMessageBatch":
		serve = s.sendMessageBatch
	case "AmazonSQS.ReceiveMessage":
		serve = s.receiveMessage
	case "Logs_20140328.FilterLogEvents":
		serve = s.filterLogEvents
	default:
		s.proxy.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = serve(w, r, body)
	}
	if err != nil {
		fail(w, r, err)
	}
}

// fail says what went wrong to a client that is still there.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		http.Error(w, "stand-in: "+err.Error(), http.StatusBadGateway)
	}
}

// answer is what MiniStack answers to a call.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// key names who sent a request.
var key = regexp.MustCompile(`Credential=[^/]+/`)

// ask hands a call on, with another body where that differs from the one that came. Then its signature holds no more,
// and the call is made in the name of the account, whose signatures MiniStack does not check. LocalStack knows no
// other senders, and no rights.
func (s *StandIn) ask(r *http.Request, came, body []byte) (answer, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.RequestURI = s.cloud.Scheme, s.cloud.Host, ""
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if !bytes.Equal(came, body) {
		r.Header.Set("Authorization", key.ReplaceAllString(r.Header.Get("Authorization"), "Credential=test/"))
		r.Header.Del("X-Amz-Security-Token")
	}
	response, err := s.direct.RoundTrip(r)
	if err != nil {
		return answer{}, fmt.Errorf("ask MiniStack on %s: %w", s.cloud, err)
	}
	got, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, got}, errors.Join(err, response.Body.Close())
}

// write hands an answer back.
func (a answer) write(w http.ResponseWriter) error {
	for name, values := range a.header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	return err
}
