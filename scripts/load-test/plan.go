package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// plan is what to send, and how fast.
type plan struct {
	Name       string  `json:"name"`
	Rate       float64 `json:"rate"` // messages a second; 0 is as fast as it goes
	Events     int     `json:"events"`
	Invalid    float64 `json:"invalid"`
	Duplicates float64 `json:"duplicates"`
	Clients    int     `json:"clients"` // of its own; 0 is the sample clients
	Skew       float64 `json:"skew"`

	maxBacklog *int
	seed       uint64
}

// profiles are the loads with a name. TESTING_GUIDE.md says what to expect of each.
var profiles = map[string]plan{
	"normal":    {Rate: 5, Events: 5 * 5 * 60},
	"peak":      {Rate: 20, Events: 20 * 5 * 60},
	"sustained": {Rate: 10, Events: 10 * 15 * 60},
	"burst":     {Events: 20_000},
}

// planOf puts the options together. What only the generator can judge is left to it.
func planOf(o *options) (plan, error) {
	name := o.Profile
	if name == "" {
		name = "burst"
	}
	p, known := profiles[name]
	if !known {
		return p, fmt.Errorf("--profile %s: there are %s", name, strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))
	}
	p.Name = name
	if o.Rate > 0 {
		p.Name, p.Rate, p.Events = "rate", o.Rate, int(math.Ceil(o.Rate*time.Minute.Seconds()))
	}
	if o.Events != nil {
		p.Events = *o.Events
	}
	p.Invalid, p.Duplicates, p.Clients, p.maxBacklog = o.Invalid, o.Duplicates, o.Clients, o.MaxBacklog
	p.seed = rand.Uint64() >> 11 // every reader of JSON keeps 53 bits
	if o.Seed != nil {
		p.seed = *o.Seed
	}
	if p.Clients > 0 {
		p.Skew = 1
	}
	if o.Skew != nil {
		p.Skew = *o.Skew
	}
	switch {
	case o.Rate < 0 || o.Clients < 0 || o.MaxBacklog != nil && *o.MaxBacklog < 0:
		return p, errors.New("--rate, --clients and --max-backlog are not below 0")
	case p.Events < 1:
		return p, errors.New("--events: at least 1")
	case o.Clients > maxClients:
		return p, fmt.Errorf("--clients: at most %d", maxClients)
	}
	return p, nil
}

// words says the plan to people.
func (p *plan) words() string {
	pace := "as fast as they are taken"
	if p.Rate > 0 {
		pace = fmt.Sprintf("%g messages a second", p.Rate)
	}
	return fmt.Sprintf("%s: %s events, %s, %g %% invalid, %g %% sent twice", p.Name, thousands(p.Events), pace, 100*p.Invalid, 100*p.Duplicates)
}
