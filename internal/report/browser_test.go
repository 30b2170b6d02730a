package report

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"event-processor/internal/browsertest"
)

// full is a report as large and with words as long as a load test makes them.
func full() *Report {
	bar := func(share float64) *float64 { return &share }
	points := make([]Point, 150)
	for i := range points {
		points[i] = Point{float64(i) * 6, float64(1000 + i%7*100)}
	}
	chart := &Chart{Words: "Up to 1,600.", Unit: "per second", Lines: []Line{{"stored", points}, {"sent", points[:90]}, {"dead letters", points[:20]}}}
	return &Report{
		About: "Interrupted · Load test · sqs.us-east-1.amazonaws.com · 15 January 2026, 10:30 UTC",
		Good:  true, Verdict: "Interrupted after 10,196 of 20,392 messages. All 10,196 messages are accounted for",
		Detail:  []string{"message 0b0f6f2e-9a7e-4f0e-9d6a-2f6c3b0c9a11 (load-12ab34cd-001/0b0f6f2e-9a7e-4f0e-9d6a-2f6c3b0c9a11) is in the dead-letter queue"},
		Figures: []Figure{{"Throughput", "783", "events/s", "10,196 messages in 13.2 s"}, {"Latency, median", "734 ms", "", "p99 1.1 s, from sent to stored"}, {"Cost", "$0.88", "", "1.18 × the floor"}},
		Sections: []Section{
			{Title: "Rate", Text: "Each second.", Chart: chart},
			{Title: "Latency", Table: &Table{Columns: []string{"", "p50", "p95", "p99", "max", "mean"}, Rows: []Row{
				{Cells: []string{"Event, from sent to stored", "1234.5 s", "1234.5 s", "1234.5 s", "1234.5 s", "1234.5 s"}},
				{Cells: []string{"Batch in the processor, of 100.0 records", "27 ms", "75 ms", "107 ms", "152 ms", "32 ms"}},
			}}},
			{Title: "Account", Table: &Table{Columns: []string{"", "messages", "share"}, Rows: []Row{
				{Cells: []string{"Stored", "9,800", "96.12 %"}, Bar: bar(0.9612)},
				{Cells: []string{"load-12ab34cd-001", "4,900", "48.06 %"}, Bar: bar(0.4806), Kind: Part},
				{Cells: []string{"unknown_event_version", "0", "0.00 %"}, Bar: bar(0), Kind: Part},
				{Cells: []string{"Not accounted for, expected as unknown_event_version", "3", "0.03 %"}, Bar: bar(0.0003), Kind: Bad},
				{Cells: []string{"Sent", "10,196", "100.00 %"}, Kind: Sum},
			}}},
			{Title: "Cost", Table: &Table{Columns: []string{"", "used", "list price", "$ per million stored"}, Rows: []Row{
				{Cells: []string{"DynamoDB: writes that found a duplicate or a conflict", "100,000 write units", "$0.625 a million", "0.6250"}, Bar: bar(0.7)},
				{Cells: []string{"Lambda: duration", "16,500 GB-seconds", "$13.3334 a million", "0.0073"}, Bar: bar(0.008)},
				{Cells: []string{"Together", "", "", "0.8800"}, Kind: Sum},
			}}},
			{Title: "How", Notes: []string{"Seed 1234567890123456."}},
		},
	}
}

// TestTheReportFits at the width of a phone and of a desk, in light and dark: nothing is off the screen, no word is
// broken, no column is so narrow that its words stand one a line, and the bars can be compared.
func TestTheReportFits(t *testing.T) {
	chromium := browsertest.Start(t)
	file := filepath.Join(t.TempDir(), "index.html")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(out, full()); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int64{320, 360, 800, 810, 1200} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				ctx, cancel := chromedp.NewContext(chromium)
				defer cancel()
				if err := chromedp.Do(ctx); err != nil { // opens the tab, for as long as ctx
					t.Fatal(err)
				}
				ctx, cancel = context.WithTimeout(ctx, time.Minute)
				defer cancel()
				_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1, Mobile: width < 500})
				if err == nil {
					_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				}
				if err == nil {
					err = chromedp.Do(ctx, chromedp.Navigate("file://"+file))
				}
				if err != nil {
					t.Fatal(err)
				}
				// Not innerWidth: a phone's grows with what is in it.
				if wide := eval[int64](ctx, t, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("the page is %d px wide in a window of %d px", wide, width)
				}
				for what, expression := range map[string]string{
					"is off the screen":                                         outside,
					"is a cell with words wider than it":                        tooWide,
					"is a chart's text below 9 px":                              small,
					"is broken":                                                 broken,
					"is a name in more lines than it has words":                 narrow,
					"is a bar of less than 6 by 100 px, or as long as no other": bars,
					"has a contrast below 4.5":                                  browsertest.Contrast,
				} {
					if found := eval[[]string](ctx, t, expression); len(found) > 0 {
						t.Errorf("%s: %s", what, strings.Join(found, "; "))
					}
				}
				if roles := eval[int](ctx, t, `document.querySelectorAll("table:not([role=table]), tr:not([role=row]), td:not([role=cell]), th:not([role])").length`); roles > 0 {
					t.Errorf("%d parts of tables have no role", roles)
				}
				if folder := os.Getenv("SCREENSHOTS"); folder != "" {
					png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
					if err == nil {
						err = os.WriteFile(filepath.Join(folder, fmt.Sprintf("report-%d-%s.png", width, scheme)), png, 0o600)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// Questions to the page. Each answers with the texts of what is not as it should be.
const (
	outside = `[...document.querySelectorAll("main *")].filter((node) => node.getClientRects().length > 0)
		.filter((node) => { const box = node.getBoundingClientRect(); return box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5 })
		.map((node) => node.tagName + " " + node.textContent.trim().slice(0, 40))`
	tooWide = `[...document.querySelectorAll("th, td")].filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.textContent)`
	small   = `[...document.querySelectorAll(".chart text")].filter((node) => node.getClientRects().length > 0)
		.filter((node) => node.getBoundingClientRect().height < 9).map((node) => node.textContent)`
	narrow = `[...document.querySelectorAll("tbody th > span")].filter((node) => {
		const lines = new Set([...node.getClientRects()].map((box) => Math.round(box.top))).size;
		return lines > 2 && lines >= node.textContent.split(" ").length / 2 }).map((node) => node.textContent)`
	broken = `[...document.querySelectorAll("th > span, th[scope=col], td, h1, dt, dd")].flatMap((node) => {
		const texts = [...node.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE);
		return texts.flatMap((text) => [...text.data.matchAll(/[^\s-]+/g)].filter((word) => {
			const range = document.createRange();
			range.setStart(text, word.index);
			range.setEnd(text, word.index + word[0].length);
			return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1 }).map((word) => word[0])) })`
	bars = `[...document.querySelectorAll("table")].flatMap((table) => {
		const tracks = [...table.querySelectorAll("th b")].map((node) => node.getBoundingClientRect());
		return tracks.filter((box) => box.height < 6 || box.width < 100 || Math.abs(box.width - tracks[0].width) > 0.5 || box.left !== tracks[0].left)
			.map((box) => box.width + "×" + box.height) })`
)

func eval[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}
