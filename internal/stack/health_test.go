package stack

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestHealthURLAnswers has clouds that serve a function in the ways that there are, and that name it as they do.
func TestHealthURLAnswers(t *testing.T) {
	byPath := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/_aws/lambda-url/abc/") }
	byName := func(r *http.Request) bool { return strings.HasPrefix(r.Host, "abc.lambda-url.us-east-1.") }
	for name, tt := range map[string]struct {
		own    string
		serves func(*http.Request) bool
		want   string // with HOST for the host and port of the endpoint, and PORT for the port
		blank  bool   // what is not served is answered with 200 and nothing
	}{
		"by a path, as MiniStack":                        {"https://abc.lambda-url.us-east-1.on.aws/", byPath, "http://HOST/_aws/lambda-url/abc/", false},
		"by name, and the port is the inner one":         {"http://abc.lambda-url.us-east-1.localhost.localstack.cloud:4566/", byName, "http://abc.lambda-url.us-east-1.localhost:PORT/", false},
		"by name, and the name needs a name server":      {"http://abc.lambda-url.us-east-1.localhost:4566/", byName, "http://abc.lambda-url.us-east-1.localhost:PORT/", false},
		"by name, and any path is answered with nothing": {"http://abc.lambda-url.us-east-1.localhost:4566/", byName, "http://abc.lambda-url.us-east-1.localhost:PORT/", true},
		"not at all: what the cloud says stays":          {"http://abc.lambda-url.us-east-1.localhost:4566/", func(*http.Request) bool { return false }, "http://abc.lambda-url.us-east-1.localhost:4566/", false},
		"not at all: nor is AWS asked in its place":      {"https://abc.lambda-url.us-east-1.on.aws/", func(*http.Request) bool { return false }, "https://abc.lambda-url.us-east-1.on.aws/", false},
		"a name without a region, which no cloud has":    {"http://abc.example/", byPath, "http://HOST/_aws/lambda-url/abc/", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !tt.serves(r) {
					if !tt.blank {
						http.Error(w, "NoSuchBucket", http.StatusNotFound)
					}
					return
				}
				_, _ = fmt.Fprintf(w, "live %s", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
			}))
			defer server.Close()
			s := &Stack{Config: aws.Config{BaseEndpoint: aws.String(server.URL + "/")}, healthURL: tt.own}
			host := strings.TrimPrefix(server.URL, "http://")
			want := strings.NewReplacer("HOST", host, "PORT", host[strings.LastIndex(host, ":")+1:]).Replace(tt.want)
			got := s.HealthURL(t.Context())
			if got != want {
				t.Errorf("HealthURL = %q, want %q", got, want)
			}
			if got == tt.own { // nobody is to be asked at an address that is not the endpoint's
				return
			}
			if status, body, err := s.Get(t.Context(), "health"); err != nil || status != http.StatusOK || string(body) != "live health" {
				t.Errorf("Get = %d %q, %v", status, body, err)
			}
		})
	}
}

func TestOnAWSTheHealthURLIsTheOutput(t *testing.T) {
	s := &Stack{healthURL: "https://abc.lambda-url.us-east-1.on.aws/"}
	if got := s.HealthURL(t.Context()); got != s.healthURL {
		t.Errorf("HealthURL = %q, want %q", got, s.healthURL)
	}
}

func TestQueuesAreBelowTheEndpoint(t *testing.T) {
	for name, tt := range map[string]struct{ endpoint, url, want string }{
		"AWS":                  {"", "https://sqs.us-east-1.amazonaws.com/123456789012/event-queue", "https://sqs.us-east-1.amazonaws.com/123456789012/event-queue"},
		"the inner port":       {"http://127.0.0.1:14566", "http://localhost:4566/000000000000/event-queue", "http://127.0.0.1:14566/000000000000/event-queue"},
		"a name for DNS":       {"http://127.0.0.1:4566", "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/event-queue", "http://127.0.0.1:4566/000000000000/event-queue"},
		"what is no URL stays": {"http://127.0.0.1:4566", "x", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := below(tt.endpoint, tt.url); got != tt.want {
				t.Errorf("below(%q, %q) = %q, want %q", tt.endpoint, tt.url, got, tt.want)
			}
		})
	}
}

func TestCloudIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		paths          map[string]string
		cloud, version string
	}{
		"MiniStack": {map[string]string{
			"/_ministack/health": `{"services":{},"version":"1.5.33"}`, "/_localstack/health": `{"version":"1.5.33"}`,
		}, "MiniStack", "1.5.33"},
		"LocalStack":            {map[string]string{"/_localstack/health": `{"services":{},"edition":"community","version":"4.14.0"}`}, "LocalStack", "4.14.0"},
		"one without a version": {map[string]string{"/_localstack/health": `fine`}, "LocalStack", ""},
		"one that says nothing": {nil, "an unknown cloud", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer, ok := tt.paths[r.URL.Path]
				if !ok {
					w.WriteHeader(http.StatusNotFound)
				}
				_, _ = fmt.Fprint(w, answer)
			}))
			defer server.Close()
			s := &Stack{Config: aws.Config{BaseEndpoint: &server.URL}}
			if cloud, version, err := s.Cloud(t.Context()); err != nil || cloud != tt.cloud || version != tt.version {
				t.Errorf("Cloud = %q %q, %v; want %q %q", cloud, version, err, tt.cloud, tt.version)
			}
		})
	}
	if cloud, _, err := new(Stack).Cloud(t.Context()); cloud != "AWS" || err != nil {
		t.Errorf("without an endpoint: %q, %v; want AWS", cloud, err)
	}
}
