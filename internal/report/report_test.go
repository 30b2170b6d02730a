package report

import (
	"math"
	"regexp"
	"strings"
	"testing"
)

func page1() *Report {
	half := 0.5
	return &Report{
		About: "Load test · somewhere", Good: true, Verdict: "All 3 messages are accounted for", Detail: []string{"More <words>."},
		Figures: []Figure{{Name: "Throughput", Value: "3", Unit: "events/s", Note: "in 1 s"}},
		Sections: []Section{
			{Title: "Rate", Text: "Each second.", Chart: &Chart{Words: "Up to 3.", Unit: "per second", Lines: []Line{
				{Name: "stored", Points: []Point{{0.5, 3}, {1.5, math.NaN()}, {2.5, 1}, {3.5, 2}}},
				{Name: "sent", Points: []Point{{0, 0}, {200, 1500}}},
			}}},
			{Title: "Account", Table: &Table{Columns: []string{"", "messages"}, Rows: []Row{
				{Cells: []string{"Stored", "3"}, Bar: &half}, {Cells: []string{"Sent", "3"}, Kind: Sum},
			}}},
			{Title: "How", Notes: []string{"So."}},
		},
	}
}

func write(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteNeedsNothingBesideItself(t *testing.T) {
	page := write(t, page1())
	for _, outside := range []string{"http://", "https://", "src=", "url(", "@import", "<script", "<link", "xlink"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}

func TestWriteShowsAll(t *testing.T) {
	page := write(t, page1())
	for _, want := range []string{
		"<h1 class=\"good\">", "All 3 messages are accounted for", "More &lt;words&gt;.", "events/s", `aria-label="Up to 3."`, ">sent</span>",
		`<i style="width:50%">`, `<tr role="row" class="sum">`, "<li>So.</li>", ">1,500</text>", ">3 min</text>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if left := regexp.MustCompile(`#(01|02|0B|0C|0D|0E|15){3}\b`).FindString(page); left != "" {
		t.Errorf("the mark %s was not replaced by a colour of the page", left)
	}
	for _, colour := range []string{"stroke:var(--series-1)", "stroke:var(--series-2)", "fill:var(--area)", "fill:var(--muted)", "stroke:var(--line)"} {
		if !strings.Contains(page, colour) {
			t.Errorf("no part of the chart has %s", colour)
		}
	}
}

func TestWriteABadOne(t *testing.T) {
	if page := write(t, &Report{Verdict: "2 are missing"}); !strings.Contains(page, `<h1 class="bad">`) || strings.Contains(page, "✓") {
		t.Error("a bad verdict looks like a good one")
	}
}

// TestChartsThatHaveLittle draws what an interrupted or empty run leaves.
func TestChartsThatHaveLittle(t *testing.T) {
	for name, points := range map[string][]Point{
		"nothing": nil, "one point": {{0, 0}}, "zeroes": {{0, 0}, {1, 0}}, "gaps only": {{0, math.NaN()}, {1, math.NaN()}},
	} {
		if _, err := svg(&Chart{Lines: []Line{{Name: "a", Points: points}}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExtentIsRound(t *testing.T) {
	for top, want := range map[float64]float64{0: 1, 0.3: 0.3, 3: 3, 783: 800, 927: 1000, 1001: 1250, 4100: 6000} {
		c := Chart{Lines: []Line{{Points: []Point{{0, top}}}}}
		if _, got := c.extent(); math.Abs(got-want) > 1e-9 {
			t.Errorf("an axis for %v reaches to %v, want %v", top, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 20392: "20,392", 1234567: "1,234,567", -1234: "−1,234", 0.25: "0.25", 12.345: "12.3", 1234.5: "1,234",
	} {
		if got := Number(v); got != want {
			t.Errorf("Number(%v) = %s, want %s", v, got, want)
		}
	}
}
