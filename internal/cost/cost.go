// Package cost says what events cost on AWS, by the units that they use and the list prices: those of a run that was
// measured, and those of a month that is planned.
package cost

import "math"

// The list prices in dollars, us-east-1, arm64, on demand, first tier, free tiers left out. They are those of
// PricesOf and not asked for anywhere: check them before you rely on them (aws.amazon.com/SERVICE/pricing).
const (
	PricesOf = "January 2026"

	lambdaGBSecond = 13.3334 // a million
	lambdaRequests = 0.20    // a million
	sqsRequests    = 0.40    // a million, standard queue; each started 64 KB of a call are a request
	writeUnits     = 0.625   // a million
	readUnits      = 0.125   // a million

	logGB     = 0.50 // taken in by CloudWatch Logs, standard class; to keep it for 30 days adds a hundredth, left out
	storageGB = 0.25 // a month in DynamoDB, standard class
	backupGB  = 0.20 // a month of point-in-time recovery
	traces    = 5.00 // a million recorded

	alarmMetric  = 0.10 // a month, for each metric that an alarm looks at
	dashboard    = 3.00 // a month
	customMetric = 0.30 // a month; by the hour in which it has a value
	keyRequests  = 3.00 // a million, of the key that KMS holds for DynamoDB

	million = 1e6
	gb      = 1 << 30
)

// Usage is what was used.
type Usage struct {
	Stored int `json:"stored"` // events newly in the table

	Batches   int     `json:"batches"`   // invocations of the processor
	GBSeconds float64 `json:"gbSeconds"` // billed duration × memory

	// Requests to SQS. A return makes messages visible again.
	Sends    int `json:"sends"`
	Receives int `json:"receives"`
	Deletes  int `json:"deletes"`
	Returns  int `json:"returns"`

	// Units of the table of events.
	ItemUnits  int `json:"itemUnits"`  // write units of the stored items, which no design gets around
	ExtraUnits int `json:"extraUnits"` // write units of writes that did not hold: duplicates and conflicts
	ReadUnits  int `json:"readUnits"`

	ItemBytes int     `json:"itemBytes"` // of the stored events
	KeptDays  int     `json:"keptDays"`  // of each, before it expires
	LogBytes  int     `json:"logBytes"`  // of the processor's log
	Traces    float64 `json:"traces"`    // recorded
}

// Line is one line of a bill.
type Line struct {
	Name       string  `json:"name"`
	Unit       string  `json:"unit"`
	Quantity   float64 `json:"quantity"`
	Price      float64 `json:"price"`   // dollars for Per units
	Per        float64 `json:"per"`     // units
	Dollars    float64 `json:"dollars"` // for the quantity
	PerMillion float64 `json:"perMillion,omitempty"`
}

// Bill is what stored events cost, in dollars for a million of them.
type Bill struct {
	Lines  []Line  `json:"lines"`
	Total  float64 `json:"total"`  // of the lines
	Beside []Line  `json:"beside"` // what is not in the total: logs, storage until they expire, backups, traces
	All    float64 `json:"all"`    // of both

	// Floor is what no design gets below that keeps each event in DynamoDB through SQS: one write unit, and one send,
	// one receive and one delete in tens. SizeFloor is the same for items as large as these, of which some need more
	// than one unit.
	Floor     float64 `json:"floor"`
	SizeFloor float64 `json:"sizeFloor"`
}

// Of makes the bill. Where nothing was stored there is nothing to divide by, and no line has a share of a million.
func Of(u Usage) Bill {
	line := func(name, unit string, quantity, price, per float64) Line {
		l := lineOf(name, unit, quantity, price, per)
		if u.Stored > 0 {
			l.PerMillion = l.Dollars / float64(u.Stored) * million
		}
		return l
	}
	n := func(count int) float64 { return float64(count) }
	items := line("DynamoDB: write the events", "write units", n(u.ItemUnits), writeUnits, million)
	const queue = 3 * sqsRequests / 10
	b := Bill{Floor: writeUnits + queue, SizeFloor: items.PerMillion + queue}
	b.Lines = []Line{
		items,
		line("DynamoDB: writes that found a duplicate or a conflict", "write units", n(u.ExtraUnits), writeUnits, million),
		line("DynamoDB: reads that told those apart", "read units", n(u.ReadUnits), readUnits, million),
		line("SQS: send", "requests", n(u.Sends), sqsRequests, million),
		line("SQS: receive", "requests", n(u.Receives), sqsRequests, million),
		line("SQS: delete", "requests", n(u.Deletes), sqsRequests, million),
		line("SQS: make rejections visible again", "requests", n(u.Returns), sqsRequests, million),
		line("Lambda: duration", "GB-seconds", u.GBSeconds, lambdaGBSecond, million),
		line("Lambda: invocations", "requests", n(u.Batches), lambdaRequests, million),
	}
	const indexBytes = 100 // that DynamoDB counts beside each item for storage, not for units
	kept := n(u.ItemBytes+indexBytes*u.Stored) / gb * n(u.KeptDays) / monthDays
	b.Beside = []Line{
		line("CloudWatch Logs", "GB", n(u.LogBytes)/gb, logGB, 1),
		line("DynamoDB: storage until they expire", "GB-months", kept, storageGB, 1),
		line("DynamoDB: point-in-time recovery as long", "GB-months", kept, backupGB, 1),
		line("X-Ray: traces", "traces", u.Traces, traces, million),
	}
	for _, l := range b.Lines {
		b.Total += l.PerMillion
	}
	b.All = b.Total
	for _, l := range b.Beside {
		b.All += l.PerMillion
	}
	return b
}

func lineOf(name, unit string, quantity, price, per float64) Line {
	return Line{Name: name, Unit: unit, Quantity: quantity, Price: price, Per: per, Dollars: quantity / per * price}
}

// Traces is how many of so many batches X-Ray records by its own rule, which nobody can change for Lambda: the first
// one of every second, and 5 % of the others. The batches come at random: where they are few, nearly all are recorded.
func Traces(batches int, seconds float64) float64 {
	const share = 0.05
	if batches == 0 || seconds <= 0 {
		return 0
	}
	n := float64(batches)
	first := seconds * -math.Expm1(-n/seconds) // seconds in which there is one
	return first + share*(n-first)
}

// Units is how many units of size bytes an amount of bytes takes: each started one counts.
func Units(bytes, size int) int { return max((bytes+size-1)/size, 1) }

// The units that AWS counts in, in bytes.
const (
	WriteUnitBytes = 1 << 10
	ReadUnitBytes  = 4 << 10 // of a consistent read
	RequestBytes   = 64 << 10
)
