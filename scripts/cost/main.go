// Cost says what a month of events would cost on AWS. cost.sh runs it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"event-processor/internal/command"
	"event-processor/internal/cost"
	"event-processor/internal/report"
)

const description = `Says what a month of events would cost on AWS: what grows with the events, with logs, storage, backups and traces, ` +
	`and what there is to pay in any case. List prices of ` + cost.PricesOf + `, us-east-1, arm64, without free tiers: check them. ` +
	`A load test says the same of what it measured.`

type options struct {
	Events     int     `name:"events-per-month" default:"30000000" placeholder:"N" help:"Events that are stored (${default})."`
	Payload    int     `default:"600" placeholder:"BYTES" help:"Of each (${default}). Up to 663 an event takes one write unit."`
	Batch      float64 `default:"10" placeholder:"N" help:"Records in a batch on average (${default}); the metric BatchSize knows. BatchSize and BatchWindow in the template bound it."`
	Invalid    float64 `default:"0" placeholder:"SHARE" help:"Messages that are rejected, as a share of the events (0.02 is 2 %)."`
	Duplicates float64 `default:"0" placeholder:"SHARE" help:"Events that are sent twice, as a share."`
	Retention  int     `default:"30" placeholder:"DAYS" help:"How long an event is kept (${default})."`
	JSON       bool    `name:"json" help:"Everything as JSON."`
}

func main() {
	var o options
	parsed := command.Parse(&o, kong.Name("cost.sh"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}))
	parsed.FatalIfErrorf(run(os.Stdout, &o))
}

func run(to io.Writer, o *options) error {
	t, err := trafficOf(o)
	if err != nil {
		return err
	}
	m := cost.MonthOf(t)
	if o.JSON {
		out := json.NewEncoder(to)
		out.SetIndent("", "  ")
		return out.Encode(m)
	}
	return print(to, &m)
}

func trafficOf(o *options) (cost.Traffic, error) {
	var errs []error
	check := func(ok bool, fault string) {
		if !ok {
			errs = append(errs, errors.New(fault))
		}
	}
	share := func(f float64) bool { return f >= 0 && f <= 1 }
	check(o.Events >= 1 && o.Events <= 1e12, "--events-per-month: 1 to 1e12")
	check(o.Payload >= 2 && o.Payload <= 256<<10, "--payload: 2 to 262,144 bytes")
	check(o.Batch >= 1 && o.Batch <= 1000, "--batch: 1 to 1,000")
	check(share(o.Invalid) && share(o.Duplicates), "--invalid and --duplicates: 0 to 1, 0.02 is 2 %")
	check(o.Retention >= 15 && o.Retention <= 3650, "--retention: 15 to 3,650 days")
	return cost.Traffic{
		Events: o.Events, PayloadBytes: o.Payload, Batch: o.Batch, Invalid: o.Invalid, Duplicates: o.Duplicates, KeptDays: o.Retention,
	}, errors.Join(errs...)
}

// print prints the table. Its sums are those of the figures that are shown, so that it adds up to the eye.
func print(to io.Writer, m *cost.Month) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name, used, million, month string) {
		_, _ = fmt.Fprintf(w, "%-54s\t%s\t%s\t%s\t\n", name, used, million, month)
	}
	var million, month float64
	lines := func(all []cost.Line, perMillion bool) {
		for _, l := range all {
			if l.Quantity == 0 {
				continue
			}
			each := ""
			if perMillion {
				each = shown(&million, l.PerMillion, 3)
			}
			row(l.Name, used(l.Quantity)+" "+l.Unit, each, shown(&month, l.Dollars, 2))
		}
	}
	t := &m.Traffic
	_, _ = fmt.Fprintf(to, "%s events a month of %s bytes of payload, %s a batch, %g %% invalid, %g %% sent twice, kept for %d days.\n\n",
		report.Number(float64(t.Events)), report.Number(float64(t.PayloadBytes)), strconv.FormatFloat(t.Batch, 'f', -1, 64),
		100*t.Invalid, 100*t.Duplicates, t.KeptDays)
	row("", "used a month", "$ a million events", "$ a month")
	lines(m.Bill.Lines, true)
	lines(m.Bill.Beside, true)
	row("the events", "", fixed(million, 3), fixed(month, 2))
	lines(m.Fixed, false)
	row("together", "", "", fixed(month, 2))
	_ = w.Flush()
	_, err := fmt.Fprintf(to, "\nList prices of %s, us-east-1, arm64, without free tiers: check them. internal/cost/month.go says what was measured, and where.\n", cost.PricesOf)
	return err
}

// shown writes dollars and adds what was written to a sum.
func shown(sum *float64, dollars float64, digits int) string {
	text := fixed(dollars, digits)
	rounded, _ := strconv.ParseFloat(text, 64) // a number, just written
	*sum += rounded
	return text
}

func fixed(dollars float64, digits int) string { return strconv.FormatFloat(dollars, 'f', digits, 64) }

// used writes a quantity with three digits at least.
func used(quantity float64) string {
	if quantity < 100 {
		return report.Number(quantity)
	}
	return report.Number(math.Round(quantity))
}
