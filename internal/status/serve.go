package status

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// ServeHTTP answers GET and HEAD of / (the page), /health and /live. Every request gets one log line.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	path, status := h.serve(w, r)
	slog.InfoContext(r.Context(), "Request served", "path", path, "status", status,
		"duration_ms", milliseconds(time.Since(start)))
}

// serve answers, and tells what was asked for in words that are ours: a path may be as long as the caller likes.
func (h *Health) serve(w http.ResponseWriter, r *http.Request) (path string, status int) {
	answer, known := map[string]func(http.ResponseWriter, *http.Request) int{
		"/":       h.servePage,
		"/health": h.serveHealth,
		"/live":   serveLive,
	}[r.URL.Path]
	switch {
	case !known:
		return "other", writeJSON(w, http.StatusNotFound, problem{"not found"})
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		return r.URL.Path, writeJSON(w, http.StatusMethodNotAllowed, problem{"method not allowed"})
	default:
		return r.URL.Path, answer(w, r)
	}
}

// problem is the answer to a request that is not for us.
type problem struct {
	Error string `json:"error"`
}

func (h *Health) serveHealth(w http.ResponseWriter, r *http.Request) int {
	report := h.Report(r.Context())
	status := http.StatusOK
	if !report.Healthy {
		status = http.StatusServiceUnavailable
	}
	return writeJSON(w, status, report)
}

// serveLive says that the function runs. It looks at nothing.
func serveLive(w http.ResponseWriter, _ *http.Request) int {
	return writeJSON(w, http.StatusOK, struct {
		Live bool `json:"live"`
	}{true})
}

func writeJSON(w http.ResponseWriter, status int, v any) int {
	body, err := json.Marshal(v)
	if err != nil { // cannot be: nothing here has a member that JSON does not know
		status, body = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	return write(w, status, "application/json", "default-src 'none'; frame-ancestors 'none'", append(body, '\n'))
}

// write sends an answer that nobody may keep, frame or take for another type.
func write(w http.ResponseWriter, status int, contentType, policy string, body []byte) int {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Security-Policy", policy)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone away needs no answer
	return status
}
