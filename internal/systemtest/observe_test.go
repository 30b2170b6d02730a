package systemtest

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"event-processor/internal/event"
	"event-processor/internal/generate"
)

// traceScript runs scripts/trace.sh against the stack of the test.
func (s *system) traceScript(args ...string) string {
	s.t.Helper()
	endpoint, err := url.Parse(aws.ToString(s.Config.BaseEndpoint))
	if err != nil {
		s.t.Fatal(err)
	}
	command := exec.CommandContext(s.t.Context(), "../../scripts/trace.sh", args...)
	command.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+endpoint.String(), "LOCAL_PORT="+endpoint.Port(), "STAGE=local")
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Fatalf("trace.sh %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestCorrelationID follows one id from the producer's request to where its events end.
func TestCorrelationID(t *testing.T) {
	s := open(t)
	id, good, bad := "order-"+uuid.NewString(), uuid.NewString(), uuid.NewString()
	own := func(eventID, eventType string) json.RawMessage {
		text := body("client-001", eventType, eventID, payloads[eventType])
		return json.RawMessage(strings.TrimSuffix(text, "}") + `,"correlationId":"` + id + `"}`)
	}
	producer := s.follow(s.Producer, time.Now().Add(-time.Second))
	var answer struct{ Sent int }
	request := map[string]any{"events": []json.RawMessage{own(good, "integration"), own(bad, "transaction")}}
	if err := s.Invoke(t.Context(), s.Producer, request, &answer); err != nil || answer.Sent != 2 {
		t.Fatalf("sent %d, %v", answer.Sent, err)
	}
	s.eventually("the item has it", func() bool {
		item, _ := s.item("client-001", good)
		return item.Event.CorrelationID == id
	})
	s.eventually("the processor's line has it", func() bool {
		s.log()
		for _, lines := range s.lines {
			if l := lines[0]; l.CorrelationID == id && l.EventID == bad && l.Reason == "type_not_allowed" {
				return true
			}
		}
		return false
	})
	s.eventually("the dead letter has it, as a message attribute", func() bool {
		for _, m := range s.deadLetters() {
			if m.Attributes["CorrelationId"] == id && strings.Contains(m.Body, bad) {
				return true
			}
		}
		return false
	})
	lines := 0
	s.eventually("the producer's lines have it", func() bool {
		for _, line := range s.read(producer) {
			if strings.Contains(line.Text, `"correlation_id":"`+id) {
				lines++
			}
		}
		return lines == 2
	})
	out := s.traceScript(id)
	for _, want := range []string{"sent       event " + good, "type_not_allowed", "in the table   " + good, "a dead letter"} {
		if !strings.Contains(out, want) {
			t.Errorf("trace.sh does not say %q:\n%s", want, out)
		}
	}
}

// TestTrace shows the ways that an event can take.
func TestTrace(t *testing.T) {
	s := open(t)
	client, id := s.client(true, "integration"), uuid.NewString()
	correlation := func(kind string) string { return kind + "-" + uuid.NewString() }
	good := body(client, "integration", id, payloads["integration"])

	stored := correlation("stored")
	s.send(good, "CorrelationId", stored)
	s.eventually("the event is stored", func() bool { _, ok := s.item(client, id); return ok })
	duplicate, rejected := correlation("duplicate"), correlation("rejected")
	again := s.send(good, "CorrelationId", duplicate)
	bad := s.send(body(client, "monitoring", uuid.NewString(), payloads["monitoring"]), "CorrelationId", rejected)
	s.eventually("both are settled", func() bool {
		s.log()
		_, one := s.outcome(again)
		two, _ := s.outcome(bad)
		return one && two.ReceiveCount == 5
	})

	retried, late := correlation("retried"), uuid.NewString()
	t.Run("while the table of clients is away", func(t *testing.T) {
		s.t = t
		s.reconfigure(30, map[string]string{"CLIENTS_TABLE": "no-such-table"})
		failing := s.send(body(client, "integration", late, payloads["integration"]), "CorrelationId", retried)
		s.eventually("it failed", func() bool {
			s.log()
			l, _ := s.outcome(failing)
			return l.Reason == "client_lookup_failed"
		})
	})
	s.t = t
	s.eventually("it is stored once the table is back", func() bool { _, ok := s.item(client, late); return ok })

	for id, want := range map[string][]string{
		stored + " --client " + client + " --event " + id: {"in the table   " + id},
		stored + " --scan": {"in the table   " + id},
		duplicate:          {"duplicate  receive 1, message " + again, "in the table   " + id, "another correlation id first: " + stored},
		rejected:           {"rejected   receive 1", "rejected   receive 5", "type_not_allowed: ", "a dead letter  message " + bad},
		retried:            {"failed     receive 1", "client_lookup_failed: ", "in the table   " + late},
	} {
		out := s.traceScript(strings.Fields(id)...)
		for _, part := range want {
			if !strings.Contains(out, part) {
				t.Errorf("trace.sh does not say %q:\n%s", part, out)
			}
		}
	}
}

// TestMetricsAddUp reads the metrics of a run from the log, as CloudWatch does: each line is valid, and they add up to
// the account of the run.
func TestMetricsAddUp(t *testing.T) {
	s := open(t)
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	schema, err := compiler.Compile("../emf/testdata/emf.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64() >> 11
	options := generate.Options{
		Count: 300, Invalid: 0.1, Duplicates: 0.1, Seed: &seed, MaxBodyBytes: 256 << 10,
		Rewritten: !s.on().KeepsBodies, MaxMessageBytes: s.on().MaxMessageBytes,
	}
	s.leaveOut(t, options.LeftOut()...)
	run, err := generate.New(options, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const receives = 5 // of a rejected message, until it is a dead letter
	want := map[string]float64{}
	for m := range run.All() {
		switch m.Want {
		case event.Stored:
			want["EventsStored"]++
		case event.Duplicate:
			want["EventsDuplicate"]++
		default:
			want["EventsRejected"] += receives
			want["Rejected_"+string(m.Reason)] += receives
		}
	}
	began := time.Now()
	tail := s.follow(s.Processor, began)
	var answer struct{ Failed int }
	request := map[string]any{
		"count": options.Count, "invalid": options.Invalid, "duplicates": options.Duplicates, "seed": seed,
		"rewritten": options.Rewritten, "maxMessageBytes": options.MaxMessageBytes,
	}
	if err := s.Invoke(t.Context(), s.Producer, request, &answer); err != nil || answer.Failed > 0 {
		t.Fatalf("%d failed, %v", answer.Failed, err)
	}
	got, batches := map[string]float64{}, 0
	s.eventually("the metrics of the whole run are there", func() bool {
		for _, line := range s.read(tail) {
			var blob map[string]any
			if !strings.Contains(line.Text, `"_aws"`) {
				continue
			}
			if err := json.Unmarshal([]byte(line.Text), &blob); err != nil {
				t.Fatalf("%v in %s", err, line.Text)
			}
			// A line may be shown late, and is then no part of this run.
			if at, _ := blob["_aws"].(map[string]any)["Timestamp"].(float64); int64(at) < began.UnixMilli() || blob["BatchSize"] == 0.0 {
				continue
			}
			batches++
			if err := schema.Validate(blob); err != nil {
				t.Errorf("%v\n%s", err, line.Text)
			}
			got["BatchSize"] += blob["BatchSize"].(float64)
			for _, outcome := range clientCounts(blob) {
				got["of clients"] += outcome
			}
			for name := range want {
				if n, ok := blob[name].(float64); ok {
					got[name] += n
				}
			}
		}
		s.found["batches"] = batches
		for name, n := range want {
			if got[name] < n {
				return false
			}
		}
		return true
	})
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: got %v, want %v", name, got[name], n)
		}
	}
	records := got["EventsStored"] + got["EventsDuplicate"] + got["EventsRejected"]
	if got["BatchSize"] != records || got["of clients"] != records {
		t.Errorf("%v records in batches and %v of clients, want %v", got["BatchSize"], got["of clients"], records)
	}
	t.Logf("%d blobs: %v", batches, got)
}

// clientCounts are the counts of all clients in a line of metrics.
func clientCounts(blob map[string]any) (counts []float64) {
	clients, _ := blob["clients"].([]any)
	for _, c := range append(clients, blob["other_clients"]) {
		client, _ := c.(map[string]any)
		for _, outcome := range event.Outcomes {
			n, _ := client[string(outcome)].(float64)
			counts = append(counts, n)
		}
	}
	return counts
}
