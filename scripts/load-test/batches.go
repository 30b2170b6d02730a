package main

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// batch is the processor's line about one batch.
type batch struct {
	Message                                      string
	Records, Stored, Duplicate, Rejected, Failed int
	Millis                                       float64 `json:"duration_ms"`
}

func readBatch(line string) (b batch, ok bool) {
	if !strings.HasPrefix(line, "{") {
		return b, false
	}
	return b, json.Unmarshal([]byte(line), &b) == nil && b.Message == "batch" && b.Records > 0
}

// invocation is Lambda's own line about one invocation.
type invocation struct {
	billed   time.Duration
	memoryMB int
}

var reportLine = regexp.MustCompile(`^REPORT RequestId: .*\tBilled Duration: ([0-9]+) ms\tMemory Size: ([0-9]+) MB`)

// readInvocation reads both forms: a line of text, and JSON where the function's log format is JSON.
func readInvocation(line string) (invocation, bool) {
	if found := reportLine.FindStringSubmatch(line); found != nil {
		millis, _ := strconv.Atoi(found[1]) // digits
		memory, _ := strconv.Atoi(found[2]) // digits
		return invocation{time.Duration(millis) * time.Millisecond, memory}, true
	}
	if !strings.HasPrefix(line, "{") {
		return invocation{}, false
	}
	var r struct {
		Type   string
		Record struct {
			Metrics struct {
				BilledDurationMs float64
				MemorySizeMB     int
			}
		}
	}
	if json.Unmarshal([]byte(line), &r) != nil || r.Type != "platform.report" {
		return invocation{}, false
	}
	m := r.Record.Metrics
	return invocation{time.Duration(m.BilledDurationMs * float64(time.Millisecond)), m.MemorySizeMB}, true
}
