package mapping

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func TestState(t *testing.T) {
	for name, tt := range map[string]struct {
		status  int
		body    string
		word    string
		working bool
		err     string // a part of it
	}{
		"enabled":  {status: 200, body: `{"State":"Enabled"}`, word: "Enabled", working: true},
		"updating": {status: 200, body: `{"State":"Updating"}`, word: "Updating", working: true},
		"disabled": {status: 200, body: `{"State":"Disabled"}`, word: "Disabled"},
		"no state": {status: 200, body: `{}`},
		"gone":     {status: 404, body: `{"__type":"ResourceNotFoundException","Message":"no"}`, err: "ResourceNotFoundException"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if want := "/2015-03-31/event-source-mappings/the-id"; r.URL.Path != want {
					t.Errorf("got a call of %s, want %s", r.URL.Path, want)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			word, working, err := New(aws.Config{
				Region:       "us-east-1",
				BaseEndpoint: aws.String(server.URL),
				Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
			}, "the-id").State(t.Context())
			if word != tt.word || working != tt.working {
				t.Errorf("got %q, %v, want %q, %v", word, working, tt.word, tt.working)
			}
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestEnable(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.Path + " " + string(body)
		_, _ = io.WriteString(w, `{"State":"Enabling"}`)
	}))
	defer server.Close()
	err := New(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}, "the-id").Enable(t.Context())
	if want := `PUT /2015-03-31/event-source-mappings/the-id {"Enabled":true}`; err != nil || asked != want {
		t.Errorf("asked %s, %v, want %s", asked, err, want)
	}
}
