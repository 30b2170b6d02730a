package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serve(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "http://status.test"+path, nil))
	return w
}

func TestServe(t *testing.T) {
	well, ill := newFakeCloud(), newFakeCloud()
	ill.broken["queue"] = errors.New("gone")
	for name, tt := range map[string]struct {
		cloud        *fakeCloud
		method, path string
		status       int
		body         string // a part of it
		allow        string
		looks        int
	}{
		"healthy":                    {cloud: well, method: "GET", path: "/health", status: 200, body: `{"healthy":true,`, looks: 1},
		"unhealthy":                  {cloud: ill, method: "GET", path: "/health", status: 503, body: `{"healthy":false,`, looks: 1},
		"HEAD is answered like GET":  {cloud: well, method: "HEAD", path: "/health", status: 200, looks: 1},
		"live looks at nothing":      {cloud: ill, method: "GET", path: "/live", status: 200, body: `{"live":true}`},
		"a path that is not there":   {cloud: well, method: "GET", path: "/favicon.ico", status: 404, body: `{"error":"not found"}`},
		"a path below one":           {cloud: well, method: "GET", path: "/health/", status: 404},
		"a path above one":           {cloud: well, method: "GET", path: "//health", status: 404},
		"capital letters":            {cloud: well, method: "GET", path: "/Health", status: 404},
		"POST to nowhere":            {cloud: well, method: "POST", path: "/other", status: 404},
		"POST":                       {cloud: well, method: "POST", path: "/health", status: 405, allow: "GET, HEAD", body: `{"error":"method not allowed"}`},
		"DELETE":                     {cloud: well, method: "DELETE", path: "/live", status: 405, allow: "GET, HEAD"},
		"OPTIONS":                    {cloud: well, method: "OPTIONS", path: "/health", status: 405, allow: "GET, HEAD"},
		"a query changes no answers": {cloud: well, method: "GET", path: "/live?x=1", status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			before := tt.cloud.looks["queue"]
			w := serve(t, New(tt.cloud.parts(), deployed("local", "dev")), tt.method, tt.path)
			if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
				t.Errorf("got %d, Allow %q, want %d, %q", w.Code, w.Header().Get("Allow"), tt.status, tt.allow)
			}
			if !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("got %s, want it to hold %s", w.Body, tt.body)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("got %s, want JSON", w.Body)
			}
			if got := tt.cloud.looks["queue"] - before; got != tt.looks {
				t.Errorf("looked %d times, want %d", got, tt.looks)
			}
			for header, want := range map[string]string{
				"Content-Type":            "application/json",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
				"Cache-Control":           "no-store",
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "no-referrer",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("got %s %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestARequestIsOneLogLineWithoutTheCallersWords(t *testing.T) {
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	serve(t, New(newFakeCloud().parts(), deployed("local", "dev")), "GET", "/"+strings.Repeat("forged", 1000))
	if n := strings.Count(out.String(), "\n"); n != 1 || out.Len() > 300 {
		t.Errorf("got %d lines of %d bytes, want one short line: %.300s", n, out.Len(), out.String())
	}
	if !strings.Contains(out.String(), `"path":"other","status":404`) {
		t.Errorf("got %s", out.String())
	}
}
