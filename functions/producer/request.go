package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"event-processor/internal/generate"
)

// defaultCount is how many events an empty request sends.
const defaultCount = 50

// request is what the producer is asked for.
type request struct {
	options generate.Options // count, clients, types, invalid, duplicates and seed
	rate    float64          // messages per second; 0 is as fast as it goes
	events  []json.RawMessage
	own     bool // events was given, if only as an empty list
}

// wanted says in words what the value of each member must be.
var wanted = map[string]string{
	"count":      fmt.Sprintf("a whole number within 0 and %d", generate.MaxCount),
	"rate":       "a number, 0 or more",
	"clients":    "a list of client ids",
	"types":      "a list of event types",
	"invalid":    "a number within 0 and 1",
	"duplicates": "a number within 0 and 1",
	"seed":       "a whole number within 0 and 18446744073709551615",
	"events":     "a list of events",

	"rewritten":       "true or false",
	"maxMessageBytes": "a whole number, 0 or more",
}

// parse reads a request strictly and reports every fault in it at once. What only the generator can judge (which
// clients there are, say) is left to it.
func parse(body []byte) (request, error) {
	r := request{options: generate.Options{Count: defaultCount}}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return request{}, errors.New("the request is not a JSON object; the smallest one is {}")
	}
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return string(value) == "null" }) // as if not there
	errs := r.read(members)
	if r.rate < 0 {
		errs = append(errs, fmt.Errorf("rate: %v is not %s", r.rate, wanted["rate"]))
	}
	_, r.own = members["events"]
	if r.own {
		for _, name := range []string{"count", "clients", "types", "invalid", "duplicates", "seed", "rewritten", "maxMessageBytes"} {
			if _, ok := members[name]; ok {
				errs = append(errs, fmt.Errorf("%s: does not go together with events, which are sent as they are", name))
			}
		}
		if len(r.events) > generate.MaxCount {
			errs = append(errs, fmt.Errorf("events: %d are too many, at most %d are sent", len(r.events), generate.MaxCount))
		}
	}
	return r, errors.Join(errs...)
}

func (r *request) read(members map[string]json.RawMessage) (errs []error) {
	targets := map[string]any{
		"count": &r.options.Count, "clients": &r.options.Clients, "types": &r.options.Types,
		"invalid": &r.options.Invalid, "duplicates": &r.options.Duplicates, "seed": &r.options.Seed,
		"rewritten": &r.options.Rewritten, "maxMessageBytes": &r.options.MaxMessageBytes,
		"rate": &r.rate, "events": &r.events,
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		target, ok := targets[name]
		if !ok {
			errs = append(errs, fmt.Errorf("%.40q: no such member; there are %s", name, strings.Join(slices.Sorted(maps.Keys(targets)), ", ")))
			continue
		}
		if json.Unmarshal(members[name], target) != nil {
			errs = append(errs, fmt.Errorf("%s: must be %s", name, wanted[name]))
		}
	}
	return errs
}

// source is where the messages of an invocation come from, in the order in which they are sent.
type source struct {
	len     int
	message func(i int) generate.Message
}

// ownEvents are the caller's, byte for byte. What the message attributes say is taken from them where it can be read.
func ownEvents(events []json.RawMessage) source {
	return source{len(events), func(i int) generate.Message {
		var envelope map[string]any
		_ = json.Unmarshal(events[i], &envelope) // what is no object says nothing
		text := func(name string) string { s, _ := envelope[name].(string); return s }
		return generate.Message{
			Body:     string(events[i]),
			ClientID: text("clientId"), EventType: text("eventType"), EventID: text("eventId"), CorrelationID: text("correlationId"),
		}
	}}
}

// secondsFor is how long n messages take at a rate.
func secondsFor(n int, rate float64) float64 {
	if rate == 0 || n == 0 {
		return 0
	}
	return math.Max(float64(n)-burst(rate), 0) / rate // the first ones go at once
}
