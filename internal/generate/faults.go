package generate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"event-processor/internal/event"
)

// fault is one kind of bad event: a good one with exactly one thing wrong.
type fault struct {
	name   string // in words
	reason event.Reason

	eventType string                            // that it needs; "" is any
	from      func(*rand.Rand, source) source   // who speaks instead, where that is the fault
	change    func(*draft)                      // before it is written down
	spoil     func(body string) (spoilt string) // afterwards
	conflict  bool                              // it uses the id of a good event
	inWriting bool                              // it lies in how the JSON is written, not in what it says
}

// faultsFor lists the faults that can be made of what the sources send. The first eight have a reason each, unless
// the clients are the caller's: it takes an inactive one, and some that may not send everything.
func faultsFor(o *Options, from []source) []fault {
	clients := o.clients()
	all := slices.ContainsFunc(from, func(s source) bool { return len(o.catalogue().beyond(s.client.AllowedTypes)) == 0 })
	var silent source // the first inactive client
	for _, c := range clients {
		for _, t := range c.AllowedTypes {
			if !c.Active && silent.eventType == "" && o.catalogue().check(t) == "" {
				silent = source{c, t}
			}
		}
	}
	return slices.DeleteFunc(o.faults(silent), func(f fault) bool {
		if o.isLost(f) {
			return true
		}
		switch f.reason {
		case event.ClientInactive:
			return silent.eventType == ""
		case event.TypeNotAllowed:
			return all
		default:
			return f.eventType != "" && !slices.ContainsFunc(from, func(s source) bool {
				return s.eventType == f.eventType && !o.catalogue().recipes[s.eventType].asIs
			})
		}
	})
}

// isLost reports whether a fault does not arrive as what it was sent.
func (o *Options) isLost(f fault) bool {
	return o.Rewritten && f.inWriting || f.reason == event.EventTooLarge && o.tooSmall()
}

// tooSmall reports whether the queue takes no message that the processor finds too large.
func (o *Options) tooSmall() bool {
	return o.MaxMessageBytes > 0 && o.MaxMessageBytes < o.MaxBodyBytes+tooLargeBy+attributeBytes
}

const (
	tooLargeBy     = 1000 // how much larger than MaxBodyBytes a body is at most, that is to be too large
	attributeBytes = 1000 // room for the message attributes, which count, too
)

// LeftOut lists what these options leave out, each with its reason, for a line to people. Empty is nothing.
func (o *Options) LeftOut() (sentences []string) {
	if o.Rewritten {
		var names []string
		for _, f := range o.faults(source{}) {
			if f.inWriting {
				names = append(names, f.name)
			}
		}
		sentences = append(sentences, "it writes bodies anew, which hides that "+strings.Join(names, ", that "))
	}
	if o.tooSmall() {
		sentences = append(sentences, fmt.Sprintf("its queue takes no message above %d bytes, so none can be larger than the processor allows", o.MaxMessageBytes))
	}
	return sentences
}

// faults lists all kinds; inactive is who may not speak. (SQS takes no text that is not UTF-8, so that one is missing.)
func (o *Options) faults(inactive source) []fault {
	first := []fault{
		malformed("the text is cut off", func(body string) string { return strings.ToValidUTF8(body[:len(body)*2/3], "") }),
		envelopeFault("member eventId is missing", func(e *object) { e.drop("eventId") }),
		{name: "the version does not exist", reason: event.UnknownEventVersion, change: func(d *draft) { d.envelope.set("version", "9.9") }},
		{name: "the client does not exist", reason: event.UnknownClient, from: func(_ *rand.Rand, s source) source {
			s.client = event.Client{ID: unknownClient}
			return s
		}},
		{name: "the client is not active", reason: event.ClientInactive, from: func(*rand.Rand, source) source {
			return inactive
		}},
		{name: "the client may not send the type", reason: event.TypeNotAllowed, from: o.forbidden},
		{name: "the event id was used for another payload", reason: event.EventIDConflict, conflict: true, change: func(d *draft) {
			if d.asIs {
				d.envelope.set("timestamp", "2024-02-29T00:00:00Z") // before any run
				return
			}
			d.payload.set("corrected", true) // no good event has that member
		}},
		{name: "the body is too large", reason: event.EventTooLarge},
	}
	return append(first, inTurn(malformedFaults(), envelopeFaults(), payloadFaults(), numberFaults())...)
}

// inTurn takes one from each list as long as there are any, so that a small run has some of each.
func inTurn(lists ...[]fault) []fault {
	var all []fault
	for i := 0; ; i++ {
		before := len(all)
		for _, list := range lists {
			if i < len(list) {
				all = append(all, list[i])
			}
		}
		if len(all) == before {
			return all
		}
	}
}

// forbidden has the client say what it may not say.
func (o *Options) forbidden(rng *rand.Rand, s source) source {
	return source{s.client, pick(rng, o.catalogue().beyond(s.client.AllowedTypes)...)}
}

func malformed(name string, spoil func(string) string) fault {
	return fault{name: name, reason: event.MalformedJSON, spoil: spoil}
}

// inWriting marks a fault that is gone where somebody reads the JSON and writes it anew on its way.
func inWriting(f fault) fault {
	f.inWriting = true
	return f
}

func malformedFaults() []fault {
	// after puts text behind the first brace.
	after := func(text string) func(string) string {
		return func(body string) string { return "{" + text + body[1:] }
	}
	return []fault{
		malformed("the text is not JSON", func(string) string { return "event stored at the client, please process" }),
		malformed("the text is white space only", func(string) string { return " \n" }),
		malformed("garbage follows the event", func(body string) string { return body + "}" }),
		malformed("a second event follows", func(body string) string { return body + "\n" + body }),
		inWriting(malformed("a member stands there twice", after(`"version":"1.0",`))),
		inWriting(malformed("a member of the payload stands there twice", func(body string) string {
			return strings.Replace(body, `"payload":{`, `"payload":{"ref":{"a":1,"a":2},`, 1)
		})),
		malformed("a comma is missing", func(body string) string { return strings.Replace(body, `,"clientId"`, ` "clientId"`, 1) }),
		malformed("a comma is too much", func(body string) string { return body[:len(body)-1] + ",}" }),
		malformed("a comment stands in it", after("/* sent by hand */")),
		malformed("strings are in single quotes", func(body string) string { return strings.ReplaceAll(body, `"`, `'`) }),
		malformed("a number is NaN", after(`"value":NaN,`)),
		malformed("a string holds a raw line break", after("\"note\":\"two\nlines\",")),
		malformed("it is nested too deep", func(body string) string { // the payload is level 2 already
			deep := strings.Repeat(`{"n":`, 100) + "0" + strings.Repeat("}", 100)
			return strings.Replace(body, `"payload":{`, `"payload":{"deep":`+deep+`,`, 1)
		}),
	}
}

func envelopeFault(name string, change func(*object)) fault {
	return fault{name: name, reason: event.SchemaViolation, change: func(d *draft) { change(&d.envelope) }}
}

func envelopeFaults() []fault {
	missing := func(name string) fault {
		return envelopeFault("member "+name+" is missing", func(e *object) { e.drop(name) })
	}
	set := func(wrong, name string, value any) fault {
		return envelopeFault(wrong, func(e *object) { e.set(name, value) })
	}
	payload := func(name string, value any) fault {
		return fault{name: name, reason: event.SchemaViolation, change: func(d *draft) { d.instead = value }}
	}
	return []fault{
		missing("eventType"), missing("clientId"), missing("timestamp"), missing("version"),
		payload("member payload is missing", nothing{}),
		set("the envelope has a member more", "priority", "high"),
		envelopeFault("eventId is in capitals", func(e *object) {
			// A UUID of digits alone would have no capitals: the last letter makes sure.
			id := (*e)[e.index("eventId")].value.(string)
			e.set("eventId", strings.ToUpper(id[:len(id)-1]+"f"))
		}),
		set("eventId is not a UUID", "eventId", "order-4711"),
		set("eventId is null", "eventId", raw("null")),
		set("eventType is unknown", "eventType", "telemetry"),
		set("clientId is empty", "clientId", ""),
		set("clientId has a space", "clientId", "client 001"),
		set("clientId is longer than 100", "clientId", strings.Repeat("c", 101)),
		set("timestamp is only a date", "timestamp", "2026-03-01"),
		set("timestamp has no offset", "timestamp", "2026-03-01T12:00:00"),
		set("timestamp is not in the calendar", "timestamp", "2026-02-30T12:00:00Z"),
		set("timestamp is a leap second", "timestamp", "2016-12-31T23:59:60Z"),
		set("timestamp is a number", "timestamp", 1772366400),
		set("version is only a number", "version", "1"),
		set("version begins with a letter", "version", "v1.0"),
		set("version is not a string", "version", raw("1.0")),
		set("correlationId is empty", "correlationId", ""),
		set("correlationId is longer than 128", "correlationId", strings.Repeat("r", 129)),
		set("correlationId is not ASCII", "correlationId", "anfrage-für-zürich"),
		set("correlationId has a control character", "correlationId", "req\t1"),
		payload("payload is empty", object{}),
		payload("payload is null", raw("null")),
		payload("payload is a list", raw(`[{"value":1}]`)),
		payload("payload is a string", `{"value":1}`),
	}
}

func payloadFaults() []fault {
	of := func(eventType, name string, change func(*object)) fault {
		return fault{
			name: eventType + ": " + name, reason: event.SchemaViolation, eventType: eventType,
			change: func(d *draft) { change(&d.payload) },
		}
	}
	missing := func(eventType, name string) fault {
		return of(eventType, name+" is missing", func(p *object) { p.drop(name) })
	}
	set := func(eventType, wrong, name string, value any) fault {
		return of(eventType, name+" "+wrong, func(p *object) { p.set(name, value) })
	}
	return []fault{
		set("monitoring", "is unknown", "severity", "urgent"),
		set("monitoring", "is not a string", "metric", 7),
		set("monitoring", "is not a number", "value", "12.5"),
		set("monitoring", "is not a string", "host", raw(`["web-01"]`)),

		missing("user_action", "userId"), missing("user_action", "action"), missing("user_action", "resource"),
		set("user_action", "is not a string", "userId", 4711),
		set("user_action", "is not a string", "userAgent", raw("null")),

		missing("transaction", "transactionId"), missing("transaction", "amount"), missing("transaction", "currency"),
		set("transaction", "is negative", "amount", raw("-0.01")),
		set("transaction", "is not a number", "amount", "19.90"),
		set("transaction", "is in small letters", "currency", "eur"),
		set("transaction", "has four letters", "currency", "EURO"),
		set("transaction", "is not a string", "status", true),

		missing("integration", "source"), missing("integration", "target"), missing("integration", "operation"),
		set("integration", "is negative", "record_count", -1),
		set("integration", "is not whole", "record_count", raw("10.5")),
	}
}

func numberFaults() []fault {
	number := func(name, text string) fault {
		return fault{name: name, reason: event.SchemaViolation, change: func(d *draft) { d.payload.set("measured", raw(text)) }}
	}
	return []fault{
		number("a number has 65 characters", strings.Repeat("7", 65)),
		inWriting(number("an exponent is too large", "1e309")), // it comes as Infinity: no JSON then
		number("an exponent is too small", "1e-309"),
		inWriting(number("an exponent breaks validators", "1e1000001")),
	}
}
