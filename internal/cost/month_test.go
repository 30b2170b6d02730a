package cost

import (
	"math"
	"testing"
)

// good is a million small events, all of them stored.
var good = Traffic{Events: 1_000_000, PayloadBytes: 600, Batch: 100, KeptDays: 30}

// TestTrafficAtItsBestIsTheFloor and Lambda.
func TestTrafficAtItsBestIsTheFloor(t *testing.T) {
	b := Of(good.Usage())
	want := b.Floor + 10_000*0.2/1e6 + 10_000*0.020*0.5*0.0000133334 // 10,000 batches of 20 ms with 512 MB
	if !near(b.Total, want) || !near(b.Floor, b.SizeFloor) {
		t.Errorf("got %v, want %v", b.Total, want)
	}
}

// TestUsageOfTraffic changes one thing at a time.
func TestUsageOfTraffic(t *testing.T) {
	with := func(change func(*Traffic)) Usage {
		traffic := good
		change(&traffic)
		return traffic.Usage()
	}
	slow := with(func(t *Traffic) { t.Batch = 1 })
	large := with(func(t *Traffic) { t.PayloadBytes = 10_000 })
	invalid := with(func(t *Traffic) { t.Invalid = 0.02 })
	twice := with(func(t *Traffic) { t.Duplicates = 0.02 })
	for name, tt := range map[string]struct{ got, want int }{
		"one at a time: batches":                    {slow.Batches, 1_000_000},
		"one at a time: sends":                      {slow.Sends, 1_000_000},
		"one at a time: deletes":                    {slow.Deletes, 1_000_000},
		"10 KB: write units":                        {large.ItemUnits, 11_000_000},
		"10 KB: ten are 104,000 bytes, 2 requests":  {large.Sends, 200_000},
		"10 KB: and so when they are received":      {large.Receives, 200_000},
		"10 KB: a delete holds no body":             {large.Deletes, 100_000},
		"rejected: sent once":                       {invalid.Sends, 102_000},
		"rejected: received five times":             {invalid.Receives, 110_000},
		"rejected: deleted by nobody":               {invalid.Deletes, 100_000},
		"rejected: returned, three in a call":       {invalid.Returns, 33_333},
		"rejected: batches of them":                 {invalid.Batches, 11_000},
		"rejected: not written":                     {invalid.ItemUnits + invalid.ExtraUnits, 1_000_000},
		"sent twice: sends":                         {twice.Sends, 102_000},
		"sent twice: deletes":                       {twice.Deletes, 102_000},
		"sent twice: a write that does not hold":    {twice.ExtraUnits, 20_000},
		"sent twice: and a read":                    {twice.ReadUnits, 20_000},
		"sent twice: stored once":                   {twice.Stored, 1_000_000},
		"what a month has in any case is not there": {Traffic{Batch: 10, KeptDays: 30}.Usage().Receives, 0},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %d, want %d", name, tt.got, tt.want)
		}
	}
}

// TestLogBytesAreThoseOfLoadTests holds the constants against what load tests of 10,000 and 240 events found in the
// log of a local cloud, whose own lines are shorter than Lambda's.
func TestLogBytesAreThoseOfLoadTests(t *testing.T) {
	for name, tt := range map[string]struct {
		traffic     Traffic
		batches     int // as they came
		found, lack float64
	}{
		"in tens":                         {Traffic{Events: 10_000, Batch: 10}, 1001, 1_577_605, 0.02},
		"one at a time":                   {Traffic{Events: 240, Batch: 1}, 241, 319_338, 0.02},
		"2 % invalid, and 2 % sent twice": {Traffic{Events: 9800, Batch: 10, Invalid: 200. / 9800, Duplicates: 196. / 9800}, 1106, 2_353_027, 0.05},
	} {
		got := float64(tt.traffic.Usage().LogBytes - tt.traffic.Usage().Batches*lambdaLogBytes)
		if math.Abs(got-tt.found) > tt.lack*tt.found {
			t.Errorf("%s: got %.0f bytes, found %.0f", name, got, tt.found)
		}
		if n := tt.traffic.Usage().Batches; math.Abs(float64(n-tt.batches)) > 0.01*float64(tt.batches) {
			t.Errorf("%s: got %d batches, found %d", name, n, tt.batches)
		}
	}
}

// TestMonthAddsUp to all of its lines.
func TestMonthAddsUp(t *testing.T) {
	m := MonthOf(good)
	sum := m.Bill.All * float64(good.Events) / 1e6
	for _, l := range m.Fixed {
		if l.Dollars <= 0 {
			t.Errorf("%s costs nothing", l.Name)
		}
		sum += l.Dollars
	}
	if !near(sum, m.Dollars) {
		t.Errorf("got %v, want %v", m.Dollars, sum)
	}
}
