package cost

import "math"

// What a month's bill takes from the template. A test compares them.
const (
	MaxReceives   = 5   // of a rejected message, before SQS moves it
	MemoryMB      = 512 // of the processor
	AlarmMetrics  = 10  // that the alarms look at: one each, and three of the share of rejections
	Dashboards    = 1
	SteadyMetrics = 8 // that every batch writes
	ReasonMetrics = 9 // of permanent reasons, each written where it occurs
	Tables        = 2 // encrypted by the key that KMS holds for DynamoDB
)

// What was measured, and where.
const (
	// By `make bench`, with 8 ms for a request to DynamoDB: a batch is one round of requests, started side by side,
	// and 28 µs of a whole core a record, which at 512 MB, 0.29 of a core, are 0.1 ms. (A local cloud bills its own
	// time: 94 ms for a batch of ten, of which the processor takes 25.)
	batchMillis  = 10.
	recordMillis = 0.1

	// By load tests on a local cloud, in batches of one and of ten: the processor's lines, and what CloudWatch Logs
	// counts beside them. In batches of 100 they are less, since a line names 20 clients at most.
	batchLogBytes  = 1300
	recordLogBytes = 28
	lineLogBytes   = 480 // about a record that was not stored, each time that it is received

	// Not measured: by so much Lambda's own lines are longer on AWS, in JSON and with their trace, than a local
	// cloud's.
	lambdaLogBytes = 400

	// By a load test with 2 % invalid, in batches of ten: rejections come again at once, and so together. So many
	// share one call.
	sharedReturn = 3
)

// What is around a payload, in bytes, at most: with a client id of 20 and a correlation id of 36 characters.
const (
	itemBytesBeside = 361
	bodyBytesBeside = 400 // with the message's attributes
)

const (
	monthDays    = 365. / 12
	monthSeconds = monthDays * 24 * 60 * 60
)

// Traffic is the events of a month.
type Traffic struct {
	Events       int     `json:"events"`       // that are stored
	PayloadBytes int     `json:"payloadBytes"` // of each
	Batch        float64 `json:"batch"`        // records a batch, on average
	Invalid      float64 `json:"invalid"`      // messages that are rejected, as a share of the events
	Duplicates   float64 `json:"duplicates"`   // events that are sent twice, as a share
	KeptDays     int     `json:"keptDays"`
}

// Usage is what the traffic uses, as far as it grows with the traffic. Rejections are taken to be seen before the
// store is asked, as all but conflicts are.
func (t Traffic) Usage() Usage {
	events := float64(t.Events)
	rejected, duplicates := events*t.Invalid, events*t.Duplicates
	messages := events + rejected + duplicates
	records := events + duplicates + rejected*MaxReceives // each time that they are received
	batches := records / t.Batch
	calls := func(n float64) float64 { // to SQS about n messages, in tens as far as there are so many at a time
		return n / min(t.Batch, 10)
	}
	body := float64(Units(int(math.Ceil((float64(t.PayloadBytes)+bodyBytesBeside)*min(t.Batch, 10))), RequestBytes)) // requests of such a call
	item := t.PayloadBytes + itemBytesBeside
	count := func(n float64) int { return int(math.Round(n)) }
	return Usage{
		Stored:     t.Events,
		Batches:    count(batches),
		GBSeconds:  (batches*batchMillis + records*recordMillis) / 1000 * MemoryMB / 1024,
		Sends:      count(calls(messages) * body),
		Receives:   count(calls(records) * body),
		Deletes:    count(calls(events + duplicates)),
		Returns:    count(rejected * MaxReceives / min(t.Batch, sharedReturn)),
		ItemUnits:  t.Events * Units(item, WriteUnitBytes),
		ExtraUnits: count(duplicates) * Units(item, WriteUnitBytes),
		ReadUnits:  count(duplicates) * Units(item, ReadUnitBytes),
		ItemBytes:  t.Events * item,
		KeptDays:   t.KeptDays,
		LogBytes:   count(batches*(batchLogBytes+lambdaLogBytes) + records*recordLogBytes + (records-events)*lineLogBytes),
		Traces:     Traces(count(batches), monthSeconds),
	}
}

// Month is what a month costs.
type Month struct {
	Traffic Traffic `json:"traffic"`
	Bill    Bill    `json:"bill"`  // of the events
	Fixed   []Line  `json:"fixed"` // what there is to pay whether or not events come, but for the metrics
	Dollars float64 `json:"dollars"`
}

// MonthOf makes the bill of a month.
func MonthOf(t Traffic) Month {
	m := Month{Traffic: t, Bill: Of(t.Usage()), Fixed: fixed(t)}
	for _, lines := range [][]Line{m.Bill.Lines, m.Bill.Beside, m.Fixed} {
		for _, l := range lines {
			m.Dollars += l.Dollars
		}
	}
	return m
}

func fixed(t Traffic) []Line {
	// Lambda holds five connections to a queue, each a request of 20 s where nothing comes. With traffic most of those
	// are receives of the bill above: this is the upper bound.
	const polls = 5 * monthSeconds / 20
	// DynamoDB asks KMS for a table's key anew after five minutes.
	const keys = Tables * monthSeconds / 300
	metrics := SteadyMetrics
	if t.Invalid > 0 {
		metrics += ReasonMetrics
	}
	if t.Events == 0 { // a metric without values costs nothing
		metrics = 0
	}
	return []Line{
		lineOf("CloudWatch: metrics that alarms look at", "metrics", AlarmMetrics, alarmMetric, 1),
		lineOf("CloudWatch: dashboard", "dashboard", Dashboards, dashboard, 1),
		lineOf("CloudWatch: metrics of the processor", "metrics", float64(metrics), customMetric, 1),
		lineOf("SQS: Lambda polls the idle queue", "requests", polls, sqsRequests, million),
		lineOf("KMS: the tables' key", "requests", keys, keyRequests, million),
	}
}
