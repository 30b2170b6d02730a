// Bench measures function binaries as `sam build` makes them, whole processes side by side: CPU and wall time per
// record, requests and write units, peak memory, and start. A stand-in for Lambda hands them batches, and a stand-in
// for DynamoDB and SQS answers over TLS after a fixed time. Linux only: it reads /proc.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Binaries []string      `arg:"" help:"NAME=PATH of each bootstrap; all get the same batches, in turns."`
	Batch    int           `default:"100" help:"Records in a batch."`
	Records  int           `default:"20000" help:"Records in all, in each of the rounds."`
	Rounds   int           `default:"3" help:"Rounds; the median is shown."`
	Invalid  float64       `default:"0.1" help:"Share of records that are rejected."`
	Latency  time.Duration `default:"8ms" help:"What a batch request to the stand-in for DynamoDB takes."`
	Starts   int           `default:"15" help:"Process starts to measure; 0 is none."`
	Procs    int           `default:"1" help:"GOMAXPROCS of the functions."`
	Env      []string      `help:"NAME=VALUE of further environment variables, such as GOGC."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("Measures function binaries as whole processes, side by side."))
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// binary is one function under measurement.
type binary struct {
	name, path string
	rounds     []round
	starts     []time.Duration // from the start of the process to its first request for work
	firsts     []time.Duration // from the start of the process to its answer to a first batch of ten
}

func run(o options) error {
	var binaries []*binary
	for _, arg := range o.Binaries {
		name, path, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not NAME=PATH", arg)
		}
		binaries = append(binaries, &binary{name: name, path: path})
	}
	cloud, err := openCloud(o.Latency, append(o.Env, "GOMAXPROCS="+strconv.Itoa(o.Procs)))
	if err != nil {
		return err
	}
	defer cloud.close()
	batches, err := makeBatches(o.Batch, o.Invalid)
	if err != nil {
		return err
	}
	small, err := makeBatches(10, 0)
	if err != nil {
		return err
	}
	for n := range o.Rounds {
		for _, b := range binaries {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", n+1, o.Rounds, b.name)
			r, err := measure(b.path, cloud, batches, o.Records/o.Batch)
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
			b.rounds = append(b.rounds, r)
		}
	}
	for range o.Starts {
		for _, b := range binaries {
			start, first, err := measureStart(b.path, cloud, small[0])
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
			b.starts, b.firsts = append(b.starts, start), append(b.firsts, first)
		}
	}
	print(o, binaries)
	return nil
}

func print(o options, binaries []*binary) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "batches of %d\tCPU µs/record\twall µs/record\trequests/record\twrite units/record\tpeak MiB\tstart ms\tstart and first batch ms\t\n", o.Batch)
	for _, b := range binaries {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.3f\t%.2f\t%.1f\t%s\t%s\t\n", b.name,
			median(b.rounds, func(r round) float64 { return micros(r.cpu) / float64(r.records) }),
			median(b.rounds, func(r round) float64 { return micros(r.wall) / float64(r.records) }),
			median(b.rounds, func(r round) float64 { return float64(r.requests) / float64(r.records) }),
			median(b.rounds, func(r round) float64 { return float64(r.units) / float64(r.records) }),
			median(b.rounds, func(r round) float64 { return float64(r.peakKiB) / 1024 }),
			millis(b.starts), millis(b.firsts))
	}
	w.Flush() //nolint:errcheck // standard output
}
