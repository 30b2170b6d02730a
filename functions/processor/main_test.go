package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestSettingsReportAllFaultsAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"what is missing": {nil, []string{"EVENTS_TABLE", "CLIENTS_TABLE", "QUEUE_URL"}},
		"what does not read": {
			map[string]string{"EVENTS_TABLE": "e", "CLIENTS_TABLE": "", "DEADLINE_MARGIN": "soon", "LOG_LEVEL": "loud", "STORE_CONCURRENCY": "x"},
			[]string{"CLIENTS_TABLE", "QUEUE_URL", "DeadlineMargin", "LogLevel", "StoreConcurrency"},
		},
		"a margin that leaves no time for the answer": {
			map[string]string{"EVENTS_TABLE": "e", "CLIENTS_TABLE": "c", "QUEUE_URL": "q", "DEADLINE_MARGIN": "999ms"},
			[]string{"DEADLINE_MARGIN must be 1s–10s"},
		},
		"what is out of range": {
			map[string]string{
				"EVENTS_TABLE": "e", "CLIENTS_TABLE": "c", "QUEUE_URL": "q", "MAX_BODY_BYTES": "400000000", "HIGH_VALUE_AMOUNT": "NaN",
				"STORE_CONCURRENCY": "0", "EVENT_RETENTION_DAYS": "14", "DEADLINE_MARGIN": "-1s", "CLIENT_CACHE_TTL": "1h",
				"TRUSTED_SENDERS": "AROAONE, ,",
			},
			[]string{"MAX_BODY_BYTES", "HIGH_VALUE_AMOUNT", "STORE_CONCURRENCY", "EVENT_RETENTION_DAYS", "DEADLINE_MARGIN", "CLIENT_CACHE_TTL", "TRUSTED_SENDERS"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			_, err := load()
			if err == nil {
				t.Fatal("no error")
			}
			for _, word := range tt.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not named in: %v", word, err)
				}
			}
		})
	}
}

func TestSettingsInAnyLetterCase(t *testing.T) {
	for _, name := range []string{"EVENTS_TABLE", "CLIENTS_TABLE", "QUEUE_URL"} {
		t.Setenv(name, "x")
	}
	for _, level := range []string{"debug", "Debug", "DEBUG"} {
		t.Setenv("LOG_LEVEL", level)
		if s, err := load(); err != nil || slog.Level(s.LogLevel) != slog.LevelDebug {
			t.Errorf("%s: got %v, %v", level, slog.Level(s.LogLevel), err)
		}
	}
}
