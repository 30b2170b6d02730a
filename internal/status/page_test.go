package status

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

func TestThePageMayDoNothingButWhatItDoes(t *testing.T) {
	w := serve(t, New(newFakeCloud().parts(), deployed("production", "dev")), "GET", "/")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %d, %s", w.Code, w.Header().Get("Content-Type"))
	}
	policy := map[string]string{}
	for directive := range strings.SplitSeq(w.Header().Get("Content-Security-Policy"), ";") {
		name, sources, _ := strings.Cut(strings.TrimSpace(directive), " ")
		policy[name] = sources
	}
	for name, want := range map[string]string{
		"default-src": "'none'", "connect-src": "'self'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'",
		"frame-ancestors": "'none'", "require-trusted-types-for": "'script'", "trusted-types": "'none'",
		// What is in the page is what the policy names: the template has changed nothing.
		"style-src":  "'" + sourceHash(inline(t, w.Body.String(), "style")) + "'",
		"script-src": "'" + sourceHash(inline(t, w.Body.String(), "script")) + "'",
	} {
		if policy[name] != want {
			t.Errorf("got %s %s, want %s", name, policy[name], want)
		}
		delete(policy, name)
	}
	if len(policy) > 0 {
		t.Errorf("the policy allows more: %v", policy)
	}
	for header, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("got %s %q, want %q", header, got, want)
		}
	}
}

// inline is the content of the one element of a name.
func inline(t *testing.T, html, element string) string {
	t.Helper()
	found := regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllStringSubmatch(html, -1)
	if len(found) != 1 {
		t.Fatalf("the page has %d elements %s, want 1", len(found), element)
	}
	return found[0][1]
}

func TestThePageIsServedWellWhenTheServiceIsIll(t *testing.T) {
	cloud := newFakeCloud()
	cloud.broken["queue"] = errors.New("gone")
	w := serve(t, New(cloud.parts(), deployed("staging", "dev")), "GET", "/")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "The queue is not working.") {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
}

// FuzzNothingAServiceSaysLeaves: whatever a service answers, neither the JSON nor the page repeats it.
func FuzzNothingAServiceSaysLeaves(f *testing.F) {
	f.Add("ResourceNotFoundException", "table 123456789012 is not there")
	f.Add("<script>", "arn:aws:sqs:us-east-1:123456789012:event-queue")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, code, message string) {
		const mark = "x7Qz"
		cloud := newFakeCloud()
		cloud.broken["queue"] = errors.New(mark + message)
		cloud.broken["events"] = &smithy.GenericAPIError{Code: code + mark, Message: mark + message}
		cloud.before = func(_ context.Context, part string) {
			if part == "clients" {
				panic(mark + message)
			}
		}
		h := New(cloud.parts(), deployed("production", "dev"))
		for _, path := range []string{"/", "/health"} {
			if body := serve(t, h, "GET", path).Body.String(); strings.Contains(body, mark) {
				t.Errorf("%s repeats an error: %s", path, body)
			}
		}
	})
}

// FuzzWordsStayWords: no version or stage becomes markup.
func FuzzWordsStayWords(f *testing.F) {
	f.Add("1.4.2", "production")
	f.Add(`</script><img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`)
	f.Add("\x00\xff{{.}}", "'`${1}")
	elements := func(page []byte) int { return bytes.Count(page, []byte("<")) + bytes.Count(page, []byte(">")) }
	f.Fuzz(func(t *testing.T, version, stage string) {
		want := elements(serve(t, New(newFakeCloud().parts(), deployed("staging", "dev")), "GET", "/").Body.Bytes())
		page := serve(t, New(newFakeCloud().parts(), deployed(stage, version)), "GET", "/").Body.Bytes()
		if got := elements(page); got != want {
			t.Errorf("got %d angle brackets, want %d: %s", got, want, page)
		}
	})
}
