package generate

import (
	"math"
	"math/rand/v2"
	"slices"

	"event-processor/internal/event"
)

// Clients are the sample clients: who speaks in the events that this package makes. The last one is not active.
func Clients() []event.Client {
	return []event.Client{
		{ID: "client-001", Name: "Northwind Logistics", Active: true, AllowedTypes: []string{"integration"}},
		{ID: "client-002", Name: "Harbour Street Bank", Active: true, AllowedTypes: []string{"transaction", "integration"}},
		{ID: "client-003", Name: "Bluebird Payments", Active: true, AllowedTypes: []string{"transaction", "integration"}},
		{ID: "client-004", Name: "Alpine Cloud Hosting", Active: true, AllowedTypes: []string{"monitoring", "user_action"}},
		{ID: "client-005", Name: "Oldtown Analytics", Active: false, AllowedTypes: []string{"integration"}},
	}
}

// unknownClient is not a sample client; nobody should create it.
const unknownClient = "client-999"

// source is an active client together with a type that it may send.
type source struct {
	client    event.Client
	eventType string
}

// clients are those that the run is about.
func (o *Options) clients() []event.Client {
	if len(o.Own) > 0 {
		return o.Own
	}
	return Clients()
}

// catalogue is that of the embedded schemas, but in a test.
func (o *Options) catalogue() *catalogue {
	if o.made != nil {
		return o.made
	}
	return embedded()
}

// sources lists what the clients may send, as far as it is asked for and can be made. Empty lists ask for everything.
func (o *Options) sources() []source {
	var all []source
	for _, c := range o.clients() {
		if !c.Active || len(o.Clients) > 0 && !slices.Contains(o.Clients, c.ID) {
			continue
		}
		for _, t := range c.AllowedTypes {
			if o.catalogue().check(t) == "" && (len(o.Types) == 0 || slices.Contains(o.Types, t)) {
				all = append(all, source{c, t})
			}
		}
	}
	return all
}

// weights adds up how often each source speaks, up to and including it. The clients follow Zipf's law in their
// order: the kth one speaks in proportion to 1/k^skew, and its types share that evenly.
func weights(sources []source, skew float64) []float64 {
	types := map[string]int{}
	for _, s := range sources {
		types[s.client.ID]++
	}
	sums := make([]float64, len(sources))
	sum, k := 0., 0
	for i, s := range sources {
		if i == 0 || s.client.ID != sources[i-1].client.ID {
			k++
		}
		sum += math.Pow(float64(k), -skew) / float64(types[s.client.ID])
		sums[i] = sum
	}
	return sums
}

// pickSource picks who speaks. Without a skew all sources are alike, whoever they belong to.
func (r *Run) pickSource(rng *rand.Rand) source {
	if r.options.Skew == 0 {
		return r.sources[rng.IntN(len(r.sources))]
	}
	at := rng.Float64() * r.weights[len(r.weights)-1]
	i, _ := slices.BinarySearch(r.weights, at)
	return r.sources[i]
}
