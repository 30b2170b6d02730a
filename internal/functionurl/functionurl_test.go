package functionurl

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

func event(method, path string) events.LambdaFunctionURLRequest {
	in := events.LambdaFunctionURLRequest{RawPath: path, RawQueryString: "a=1&b=2", Headers: map[string]string{"accept": "text/html"}}
	in.RequestContext.HTTP.Method = method
	in.RequestContext.DomainName = "abc.lambda-url.us-east-1.on.aws"
	return in
}

func TestWrap(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Cookie")
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late
		_, _ = fmt.Fprint(w, r.Method, " ", r.Host, " ", r.URL, " ", r.Header.Get("Accept"))
	})
	headers := map[string]string{"Content-Type": "text/plain", "Vary": "Accept, Cookie"}
	for name, tt := range map[string]struct {
		in   events.LambdaFunctionURLRequest
		want events.LambdaFunctionURLResponse
	}{
		"GET": {event("GET", "/x y"), events.LambdaFunctionURLResponse{
			StatusCode: 418, Headers: headers, Body: "GET abc.lambda-url.us-east-1.on.aws /x%20y?a=1&b=2 text/html",
		}},
		"HEAD has no body": {event("HEAD", "/"), events.LambdaFunctionURLResponse{StatusCode: 418, Headers: headers}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Wrap(echo)(t.Context(), tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAHandlerThatSaysNothingAnswers200(t *testing.T) {
	got, err := Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))(t.Context(), event("GET", "/"))
	if err != nil || got.StatusCode != 200 {
		t.Errorf("got %d, %v, want 200", got.StatusCode, err)
	}
}

func TestAMethodThatIsNoneIsAnError(t *testing.T) {
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	if _, err := Wrap(never)(t.Context(), event("BAD METHOD", "/")); err == nil {
		t.Error("got no error")
	}
}

// FuzzWrap: no event is answered with a panic, and no path reaches the handler changed.
func FuzzWrap(f *testing.F) {
	f.Add("GET", "/health", "a=1", "accept", "text/html")
	f.Add("GET", "//evil.test/%2e%2e/\x00", "%", "bad header\n", "\r\nx: y")
	f.Fuzz(func(t *testing.T, method, path, query, header, value string) {
		in := events.LambdaFunctionURLRequest{RawPath: path, RawQueryString: query, Headers: map[string]string{header: value}}
		in.RequestContext.HTTP.Method = method
		_, _ = Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				t.Errorf("got path %q, want %q", r.URL.Path, path)
			}
		}))(t.Context(), in)
	})
}
