package generate

import (
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

// sources lists what the clients may send, as far as it is asked for. Empty lists ask for everything.
func sources(clients, types []string) []source {
	var all []source
	for _, c := range Clients() {
		if !c.Active || len(clients) > 0 && !slices.Contains(clients, c.ID) {
			continue
		}
		for _, t := range c.AllowedTypes {
			if len(types) == 0 || slices.Contains(types, t) {
				all = append(all, source{c, t})
			}
		}
	}
	return all
}

func inactiveClient() event.Client {
	all := Clients()
	return all[slices.IndexFunc(all, func(c event.Client) bool { return !c.Active })]
}
