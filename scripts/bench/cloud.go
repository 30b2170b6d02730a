package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"event-processor/internal/event"
	"event-processor/internal/generate"
)

// cloud stands in for DynamoDB and SQS, over TLS. Every event is new, every sample client is known.
type cloud struct {
	server  *httptest.Server
	folder  string // with the certificate
	latency time.Duration
	extra   []string // environment variables

	mu              sync.Mutex
	requests, units int
}

func openCloud(latency time.Duration, extra []string) (*cloud, error) {
	c := &cloud{latency: latency, extra: extra}
	c.server = httptest.NewTLSServer(c)
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	c.folder = folder
	return c, writePEM(c.certificate(), c.server.Certificate())
}

func (c *cloud) certificate() string { return filepath.Join(c.folder, "ca.pem") }

func writePEM(path string, certificate *x509.Certificate) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600)
}

func (c *cloud) close() {
	c.server.Close()
	os.RemoveAll(c.folder) //nolint:errcheck // a folder of temporary files
}

// environment is that of the deployed function, with the stand-ins as its cloud.
func (c *cloud) environment() []string {
	return append([]string{
		"AWS_ENDPOINT_URL=" + c.server.URL, "AWS_CA_BUNDLE=" + c.certificate(), "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=" + strings.Repeat("x", 800), // a role's is as long
		"EVENTS_TABLE=events", "CLIENTS_TABLE=events-clients", "QUEUE_URL=" + c.server.URL + "/123456789012/event-queue",
	}, c.extra...)
}

func (c *cloud) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests, c.units = 0, 0
}

func (c *cloud) counts() (requests, units int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, c.units
}

// value is an attribute value on the wire.
type value struct {
	S, N, B string
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	var request struct {
		Statements []struct {
			Statement  string
			Parameters []value
		}
		RequestItems map[string]struct{ Keys []map[string]value }
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer, units := map[string]any{}, 0
	switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation {
	case "BatchExecuteStatement":
		answer["Responses"] = make([]struct{}, len(request.Statements))
		for _, s := range request.Statements {
			units += writeUnits(s.Statement, s.Parameters)
		}
	case "BatchGetItem":
		items := map[string]any{}
		for table, keys := range request.RequestItems {
			items[table] = clientItems(keys.Keys)
		}
		answer["Responses"] = items
	}
	c.mu.Lock()
	c.requests++
	c.units += units
	c.mu.Unlock()
	time.Sleep(c.latency - time.Since(arrived))
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the process went away
}

// writeUnits is what an INSERT costs: a unit per KB of the names and the values of its attributes.
func writeUnits(statement string, parameters []value) int {
	size := 0
	_, attributes, _ := strings.Cut(statement, "{")
	for i, name := range strings.Split(attributes, "'") {
		if i%2 == 1 {
			size += len(name)
		}
	}
	for _, p := range parameters {
		size += len(p.S) + base64.StdEncoding.DecodedLen(len(p.B)) + (len(p.N)+1)/2
		if p.N != "" {
			size++
		}
	}
	return (size + 1023) / 1024
}

func clientItems(keys []map[string]value) []any {
	items := []any{}
	for _, key := range keys {
		for _, client := range generate.Clients() {
			if client.ID == key["client_id"].S {
				items = append(items, map[string]any{
					"client_id": map[string]any{"S": client.ID}, "active": map[string]any{"BOOL": client.Active},
					"allowed_types": map[string]any{"SS": client.AllowedTypes},
				})
			}
		}
	}
	return items
}

// maxBody bounds the bodies of good events, in bytes: payloads of about 600, which cost one write unit.
const maxBody = 820

// makeBatches makes different batches as Lambda hands them over, with a share of records that are rejected.
func makeBatches(size int, invalid float64) ([][]byte, error) {
	const different = 10
	seed := uint64(1)
	// More than are needed: some are left out below.
	run, err := generate.New(generate.Options{Count: 4*different*size + 20, Invalid: invalid, Seed: &seed, MaxBodyBytes: 256 << 10}, time.Now())
	if err != nil {
		return nil, err
	}
	var good, bad []generate.Message
	for m := range run.All() {
		switch {
		case m.Want == event.Stored && len(m.Body) <= maxBody:
			good = append(good, m)
		case m.Want == event.Stored:
		case m.Reason != event.EventTooLarge && m.Reason != event.EventIDConflict: // 256 KB each; needs what is stored
			bad = append(bad, m)
		}
	}
	var batches [][]byte
	for range different {
		records := make([]any, size)
		for i := range records {
			from := &good
			if i < int(invalid*float64(size)) {
				from = &bad
			}
			records[i] = record((*from)[0])
			*from = (*from)[1:]
		}
		batch, err := json.Marshal(map[string]any{"Records": records})
		if err != nil {
			return nil, err
		}
		batches = append(batches, batch)
	}
	return batches, nil
}

func record(m generate.Message) map[string]any {
	text := func(s string) any {
		return map[string]any{"stringValue": s, "stringListValues": []any{}, "binaryListValues": []any{}, "dataType": "String"}
	}
	return map[string]any{
		"messageId": m.EventID[:8] + "-16d8-4ef9-b5ee-0a3f3f3a4f7c", "receiptHandle": strings.Repeat("AQEB", 90), "body": m.Body,
		"attributes": map[string]any{
			"ApproximateReceiveCount": "1", "SentTimestamp": "1768473000000", "SenderId": "AROAEXAMPLE:producer",
			"ApproximateFirstReceiveTimestamp": "1768473000100",
		},
		"messageAttributes": map[string]any{"CorrelationId": text(m.CorrelationID), "ClientId": text(m.ClientID), "EventType": text(m.EventType)},
		"md5OfBody":         "7b270e59b47ff90a553787216d55d91d", "eventSource": "aws:sqs",
		"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:event-queue", "awsRegion": "us-east-1",
	}
}
