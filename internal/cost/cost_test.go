package cost

import (
	"math"
	"testing"
)

// TestFloor has a million events at their cheapest: the bill is the floor plus Lambda.
func TestFloor(t *testing.T) {
	const events = 1_000_000
	bill := Of(Usage{Stored: events, Sends: events / 10, Receives: events / 10, Deletes: events / 10, ItemUnits: events})
	if !near(bill.Total, 0.745) || !near(bill.Total, bill.Floor) || !near(bill.Total, bill.SizeFloor) {
		t.Errorf("got %v against a floor of %v, want 0.745", bill.Total, bill.Floor)
	}
	// 10,000 batches of 100 that take 20 ms each with 512 MB.
	bill = Of(Usage{Stored: events, ItemUnits: events, Batches: 10_000, GBSeconds: 10_000 * 0.020 * 0.5})
	if want := 0.625 + 10_000*0.2/1e6 + 100*0.0000133334; !near(bill.Total, want) {
		t.Errorf("got %v, want %v", bill.Total, want)
	}
}

// TestSizeFloor has events of which each needs two units.
func TestSizeFloor(t *testing.T) {
	bill := Of(Usage{Stored: 1000, ItemUnits: 2000, Sends: 100, Receives: 100, Deletes: 100})
	if !near(bill.SizeFloor, 1.37) || !near(bill.Floor, 0.745) || !near(bill.Total, bill.SizeFloor) {
		t.Errorf("got %v against floors of %v and %v", bill.Total, bill.Floor, bill.SizeFloor)
	}
}

func TestOfIsPerStoredEvent(t *testing.T) {
	small := Of(Usage{Stored: 100, ItemUnits: 130, ExtraUnits: 2, ReadUnits: 20, Sends: 11, Receives: 12, Deletes: 10, Returns: 5, Batches: 12, GBSeconds: 1, ItemBytes: 90_000, KeptDays: 30, LogBytes: 9000, Traces: 3})
	large := Of(Usage{Stored: 10_000, ItemUnits: 13_000, ExtraUnits: 200, ReadUnits: 2000, Sends: 1100, Receives: 1200, Deletes: 1000, Returns: 500, Batches: 1200, GBSeconds: 100, ItemBytes: 9_000_000, KeptDays: 30, LogBytes: 900_000, Traces: 300})
	if !near(small.Total, large.Total) {
		t.Errorf("a hundred times as much costs %v and %v for a million", small.Total, large.Total)
	}
	for i := range small.Beside {
		if small.Beside[i].PerMillion <= 0 || !near(small.Beside[i].PerMillion, large.Beside[i].PerMillion) {
			t.Errorf("%s: got %v and %v", small.Beside[i].Name, small.Beside[i].PerMillion, large.Beside[i].PerMillion)
		}
	}
	sum := 0.
	for _, line := range small.Lines {
		if line.PerMillion <= 0 {
			t.Errorf("%s costs nothing", line.Name)
		}
		sum += line.PerMillion
	}
	if !near(sum, small.Total) {
		t.Errorf("the lines add up to %v, not %v", sum, small.Total)
	}
	for _, line := range small.Beside {
		sum += line.PerMillion
	}
	if !near(sum, small.All) {
		t.Errorf("with what is beside them they add up to %v, not %v", sum, small.All)
	}
}

func TestNothingStoredCostsNothing(t *testing.T) {
	if bill := Of(Usage{Batches: 7}); bill.Total != 0 {
		t.Errorf("got %v", bill)
	}
}

// TestTraces has batches that come one by one, of which all are recorded, and so many that 5 % are.
func TestTraces(t *testing.T) {
	for name, tt := range map[string]struct {
		batches       int
		seconds, want float64
	}{
		"none":                        {0, 100, 0},
		"at once":                     {5, 0, 0}, // nothing is known
		"far apart":                   {10, 1e9, 10},
		"a thousand a second":         {1_000_000, 1000, 1000 + 0.05*999_000},
		"one in each second, at will": {1000, 1000, 1000*(1-1/math.E) + 0.05*1000/math.E},
	} {
		if got := Traces(tt.batches, tt.seconds); math.Abs(got-tt.want) > 1e-4*tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct{ bytes, size, want int }{
		{0, WriteUnitBytes, 1},
		{1, WriteUnitBytes, 1},
		{1024, WriteUnitBytes, 1},
		{1025, WriteUnitBytes, 2},
		{64 << 10, RequestBytes, 1},
		{262_145, RequestBytes, 5},
	} {
		if got := Units(tt.bytes, tt.size); got != tt.want {
			t.Errorf("%d bytes are %d units of %d, want %d", tt.bytes, got, tt.size, tt.want)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
