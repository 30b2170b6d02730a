package main

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"event-processor/internal/stack"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.Local)

// record is a line of the processor about a record, some seconds after noon.
func record(second int, message, outcome, reason, more string) line {
	return read("processor", stack.Line{At: noon.Add(time.Duration(second) * time.Second), Text: fmt.Sprintf(
		`{"timestamp":"x","level":"WARN","message":"record","requestId":"r","message_id":%q,"client_id":"client-001",`+
			`"event_id":"5f0c2f7e-7a86-4f0e-9d6a-2f6c3b0c9a11","outcome":%q,"reason":%q%s}`, message, outcome, reason, more)})
}

func TestColumns(t *testing.T) {
	long := strings.Repeat("c", 40)
	for name, tt := range map[string]struct {
		line  line
		times int
		want  string
	}{
		"a rejection": {
			record(0, "m", "rejected", "unknown_event_version", `,"receive_count":5,"detail":"no version 9.9"`), 5,
			"12:00:00 WARN  rejected ×5  unknown_event_version client-001   5f0c2f7e-7a86-4f0e-9d6a-2f6c3b0c9a11  detail=no version 9.9  message_id=m  receive_count=5",
		},
		"a duplicate, once": {
			record(61, "m", "duplicate", "", ""), 1,
			"12:01:01 WARN  duplicate                          client-001   5f0c2f7e-7a86-4f0e-9d6a-2f6c3b0c9a11  message_id=m",
		},
		"neither client nor event could be read": {
			read("processor", stack.Line{At: noon, Text: `{"level":"INFO","message":"record","outcome":"rejected","reason":"malformed_json"}`}), 1,
			"12:00:00 INFO  rejected     malformed_json",
		},
		"a long client is cut, and whole behind": {
			read("processor", stack.Line{At: noon, Text: `{"level":"INFO","message":"record","outcome":"failed","reason":"store_throttled","client_id":"` + long + `"}`}), 1,
			"12:00:00 INFO  failed       store_throttled       ccccccccccc…                                       client_id=" + long,
		},
		"a batch": {
			read("processor", stack.Line{At: noon, Text: `{"level":"INFO","message":"batch","requestId":"r","records":3,"stored":3}`}), 1,
			"12:00:00 INFO  processor: batch  records=3  stored=3",
		},
		"what is no JSON": {
			read("health", stack.Line{At: noon, Text: "panic: x\n"}), 1,
			"12:00:00       health: panic: x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.line.times = tt.times
			if got := tt.line.columns(); got != tt.want {
				t.Errorf("got\n%s, want\n%s", got, tt.want)
			}
		})
	}
	// An event's id ends within a terminal of 100 columns.
	l := record(0, "m", "rejected", "unknown_event_version", "")
	if before, _, _ := strings.Cut(l.columns(), "  message_id"); utf8.RuneCountInString(before) > 100 {
		t.Errorf("%d columns", utf8.RuneCountInString(before))
	}
}

// shown writes lines as second, message and how often.
func shown(lines []line) string {
	var words []string
	for _, l := range lines {
		words = append(words, fmt.Sprintf("%d:%s×%d", l.at.Second(), l.messageID, l.times))
	}
	return strings.Join(words, " ")
}

func TestFold(t *testing.T) {
	rejected := func(second int, message string) line {
		return record(second, message, "rejected", "unknown_client", "")
	}
	failed := func(second int, message string) line { return record(second, message, "failed", "store_throttled", "") }
	all := []line{
		rejected(0, "a"), rejected(1, "b"), rejected(1, "a"), failed(1, "c"), rejected(2, "a"), failed(9, "c"), rejected(9, "c"),
		record(10, "a", "rejected", "client_inactive", ""), record(10, "", "rejected", "unknown_client", ""), record(11, "", "rejected", "unknown_client", ""),
	}
	const want = "1:b×1 1:c×1 2:a×3 9:c×1 9:c×1 10:a×1 10:×1 11:×1"
	f := newFold(false)
	f.add(all, noon.Add(time.Hour))
	if got := shown(f.rest()); got != want {
		t.Errorf("folded: %s, want %s", got, want)
	}
	if got := shown(f.rest()); got != "" {
		t.Errorf("shown again: %s", got)
	}
	f = newFold(true)
	f.add(all, noon)
	if got := len(f.rest()); got != len(all) {
		t.Errorf("all: %d lines, want %d", got, len(all))
	}
}

// TestFoldFollows has lines come as time goes by: one is shown when its message is quiet, and what is not rejected at once.
func TestFoldFollows(t *testing.T) {
	f := newFold(false)
	at := func(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }
	rejected := func(second int, message string) line {
		return record(second, message, "rejected", "unknown_client", "")
	}
	for _, step := range []struct {
		second int
		lines  []line
		want   string
	}{
		{30, []line{rejected(1, "old"), rejected(2, "old"), rejected(29, "a")}, "2:old×2"}, // what was there before is not waited for
		{31, []line{rejected(30, "a"), record(30, "c", "failed", "store_throttled", "")}, "30:c×1"},
		{33, []line{rejected(20, "late")}, ""}, // a log that comes late may have more to come
		{34, nil, "30:a×2"},
		{35, []line{rejected(21, "late")}, ""},
		{37, nil, ""},
		{38, []line{rejected(38, "a")}, "21:late×2"},
		{41, nil, "38:a×1"}, // again, much later
	} {
		f.add(step.lines, at(step.second))
		if got := shown(f.due(at(step.second))); got != step.want {
			t.Errorf("second %d: %q, want %q", step.second, got, step.want)
		}
	}
}

func TestWants(t *testing.T) {
	a := record(0, "m", "rejected", "unknown_client", "")
	batch := read("processor", stack.Line{At: noon, Text: `{"level":"INFO","message":"batch"}`})
	panicked := read("processor", stack.Line{At: noon, Text: "panic"})
	own := read("processor", stack.Line{At: noon, Text: "START RequestId: x"})
	for name, tt := range map[string]struct {
		options options
		want    string // of the four
	}{
		"all":             {options{}, "record batch panic"},
		"a client":        {options{Client: "client-001"}, "record"},
		"another client":  {options{Client: "client-00"}, ""},
		"an outcome":      {options{Outcome: "rejected"}, "record"},
		"another outcome": {options{Outcome: "failed"}, ""},
		"a reason":        {options{Reason: "unknown_client"}, "record"},
		"another reason":  {options{Reason: "malformed_json"}, ""},
		"a level":         {options{Level: "WARN"}, "record panic"},
		"JSON":            {options{JSON: true}, "record batch"},
	} {
		tt.options.Level = cmp.Or(tt.options.Level, "DEBUG") // the default
		var got []string
		for i, l := range []line{a, batch, panicked, own} {
			if tt.options.wants(&l) {
				got = append(got, []string{"record", "batch", "panic", "own"}[i])
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", name, got, tt.want)
		}
	}
}
