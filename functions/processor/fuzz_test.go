package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"event-processor/internal/event"
	"event-processor/internal/storetest"
)

// FuzzProcess: with a store and a table that work, no body is ever taken for a transient failure.
func FuzzProcess(f *testing.F) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, pattern := range []string{"../../internal/decode/testdata/*/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	h, _ := newHandler(f, new(storetest.Memory))
	f.Fuzz(func(t *testing.T, body []byte) {
		records := []event.Record{{MessageID: "m", Body: string(body)}}
		if r := h.processor.Process(t.Context(), records, nil)[0]; r.Outcome == event.Failed {
			t.Fatalf("failed with %s: %s", r.Reason, r.Detail)
		}
		// The way through Lambda's own JSON must not fail the invocation either.
		text, err := json.Marshal(string(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Invoke(t.Context(), []byte(`{"Records":[{"messageId":"m","body":`+string(text)+`}]}`)); err != nil {
			t.Fatal(err)
		}
	})
}
