package generate

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"event-processor/internal/event"
)

// draft is an event before it is written down. Its members may be changed until then; what it was made with stays.
type draft struct {
	rng      *rand.Rand
	envelope object // without the payload
	payload  object
	instead  any  // of the payload, where it is not nil
	asIs     bool // the payload has a place for nothing more

	clientID, eventType, eventID, correlationID string
}

// newDraft makes a good event of a source that happened within the hour before now.
func newDraft(rng *rand.Rand, now time.Time, from source, payload recipe) *draft {
	d := &draft{
		asIs: payload.asIs,
		rng:  rng, clientID: from.client.ID, eventType: from.eventType,
		eventID: newUUID(rng), correlationID: fmt.Sprintf("req-%016x", rng.Uint64()),
	}
	d.envelope = object{
		{"eventId", d.eventID},
		{"eventType", d.eventType},
		{"clientId", d.clientID},
		{"timestamp", timestamp(rng, now)},
		{"version", payload.version},
	}
	if rng.IntN(2) == 0 { // the other half has it in the message attribute only
		d.envelope.set("correlationId", d.correlationID)
	}
	d.payload = payload.make(rng)
	if !d.asIs {
		d.fill()
	}
	return d
}

func newUUID(rng *rand.Rand) string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(rng.Uint32())
	}
	id[6] = id[6]&0x0f | 0x40 // version 4: random
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id.String()
}

// timestamp is one of the ways in which clients write when something happened.
func timestamp(rng *rand.Rand, now time.Time) string {
	at := now.Add(-time.Duration(rng.Int64N(int64(time.Hour)))).UTC()
	switch rng.IntN(8) {
	case 0:
		return at.Format("2006-01-02T15:04:05Z")
	case 1:
		return at.In(time.FixedZone("", 2*60*60)).Format("2006-01-02T15:04:05.000-07:00")
	case 2:
		return at.Format("2006-01-02T15:04:05.000000Z")
	default:
		return at.Format("2006-01-02T15:04:05.000Z")
	}
}

// message writes the draft down, as a good one.
func (d *draft) message() Message {
	return Message{
		Body: d.text(), ClientID: d.clientID, EventType: d.eventType, EventID: d.eventID,
		CorrelationID: d.correlationID, Want: event.Stored,
	}
}

func (d *draft) text() string {
	var payload any = d.payload
	if d.instead != nil {
		payload = d.instead
	}
	whole := append(object{}, d.envelope...)
	if _, ok := payload.(nothing); !ok {
		whole = append(whole, member{"payload", payload})
	}
	return string(appendJSON(make([]byte, 0, 1200), whole))
}

// nothing instead of the payload leaves the member out.
type nothing struct{}

// padded writes the draft with a text in the payload that makes it size bytes long.
func (d *draft) padded(size int) string {
	d.payload.set("dump", "")
	d.payload.set("dump", strings.Repeat("x", max(size-len(d.text()), 0)))
	return d.text()
}

// fill adds a text that brings the payload to 550–650 bytes: with its envelope the item costs one write unit.
func (d *draft) fill() {
	size := 550 + d.rng.IntN(101)
	missing := size - len(appendJSON(nil, d.payload)) - len(`,"message":""`)
	if missing <= 0 {
		return
	}
	var b strings.Builder
	for b.Len() < missing {
		b.WriteString(pick(d.rng, words...) + " ")
	}
	d.payload.set("message", strings.TrimSpace(strings.ToValidUTF8(b.String()[:missing], "")))
}

var words = strings.Fields(`the request was accepted after a retry and handed on to the next station where it waited for
	confirmation from the carrier warehouse partner bank customer account order invoice shipment pallet container
	gateway upstream replica cluster node region zone disk memory queue latency budget exceeded recovered restarted
	scheduled nightly weekly report delta full import export sync within limits above threshold below average
	Zürich Łódź São Paulo København 東京 café naïve №7 ok`)

func monitoring(rng *rand.Rand) object {
	metric := pick(rng, "cpu_usage", "memory_usage", "disk_free", "http_latency", "error_rate", "replication_lag")
	return object{
		{"severity", pick(rng, "low", "low", "low", "medium", "medium", "high", "critical")},
		{"metric", metric},
		{"value", decimal(rng, 100_00)},
		{"unit", pick(rng, "percent", "ms", "GiB", "per_second")},
		{"host", fmt.Sprintf("%s-%02d.alpine.example", pick(rng, "web", "db", "cache", "worker"), rng.IntN(40))},
		{"labels", object{
			{"region", pick(rng, "eu-central-1", "us-east-1", "ap-northeast-1")},
			{"service", pick(rng, "checkout", "search", "billing", "login")},
			{"release", fmt.Sprintf("%d.%d.%d", 1+rng.IntN(4), rng.IntN(20), rng.IntN(10))},
		}},
	}
}

func userAction(rng *rand.Rand) object {
	return object{
		{"userId", fmt.Sprintf("user-%06d", rng.IntN(250_000))},
		{"action", pick(rng, "login", "logout", "view", "create", "update", "delete", "download", "share")},
		{"resource", fmt.Sprintf("/%s/%d", pick(rng, "projects", "reports", "invoices", "dashboards"), rng.IntN(10_000))},
		{"userAgent", pick(rng,
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
			"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
			"alpine-cli/3.2.1 (linux; amd64)")},
		{"ip", fmt.Sprintf("203.0.113.%d", rng.IntN(256))}, // of the block for documentation
		{"sessionId", newUUID(rng)},
		{"duration_ms", rng.IntN(5000)},
	}
}

func transaction(rng *rand.Rand) object {
	amount := decimal(rng, 2_000_00)
	if rng.IntN(20) == 0 { // now and then one that has priority
		amount = decimal(rng, 100_000_00)
	}
	return object{
		{"transactionId", fmt.Sprintf("TX-%012d", rng.Int64N(1e12))},
		{"amount", amount},
		{"currency", pick(rng, "EUR", "EUR", "USD", "GBP", "CHF", "JPY")},
		{"status", pick(rng, "authorized", "captured", "captured", "refunded", "declined")},
		{"method", pick(rng, "card", "transfer", "direct_debit", "wallet")},
		{"merchant", object{
			{"id", fmt.Sprintf("M-%05d", rng.IntN(100_000))},
			{"name", pick(rng, "Café Zürich", "Nordlicht Books", "東京 Ramen", "Green Valley Foods", "O'Neill & Sons")},
			{"country", pick(rng, "DE", "CH", "US", "JP", "GB")},
		}},
		{"installments", rng.IntN(12)},
	}
}

func integration(rng *rand.Rand) object {
	return object{
		{"source", pick(rng, "erp", "crm", "warehouse", "shop", "sftp-inbox")},
		{"target", pick(rng, "data-lake", "billing", "carrier-api", "reporting")},
		{"operation", pick(rng, "sync", "import", "export", "reconcile")},
		{"record_count", rng.IntN(50_000)},
		{"duration_ms", rng.IntN(600_000)},
		{"batch", object{
			{"id", newUUID(rng)},
			{"full", rng.IntN(5) == 0},
			{"checksum", fmt.Sprintf("%016x", rng.Uint64())},
		}},
	}
}

func pick(rng *rand.Rand, from ...string) string { return from[rng.IntN(len(from))] }

// decimal is a number below hundredths/100 with two digits after the point, as money is written.
func decimal(rng *rand.Rand, hundredths int) raw {
	n := rng.IntN(hundredths)
	return raw(strconv.Itoa(n/100) + fmt.Sprintf(".%02d", n%100))
}
