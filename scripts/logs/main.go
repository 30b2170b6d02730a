// Logs shows what the functions log. logs.sh runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"event-processor/internal/command"
	"event-processor/internal/event"
	"event-processor/internal/stack"
)

const description = `Shows what the functions log: time, level, outcome, reason, client and event, and the rest behind them. A message ` +
	`that is rejected is received several times, all within seconds; it is shown once, with ×5 for five receives and the time of the ` +
	`last. While lines are followed it is shown when none has come for three seconds.`

type options struct {
	Function string        `arg:"" default:"all" enum:"processor,producer,health,all" help:"Whose lines: ${enum} (${default})."`
	Since    time.Duration `default:"10m" help:"How far back to begin (${default})."`
	NoFollow bool          `help:"Do not wait for more."`
	Client   string        `placeholder:"CLIENT" help:"Only lines about this client."`
	Outcome  event.Outcome `enum:",${outcomes}" default:"" placeholder:"OUTCOME" help:"Only records of which this became: ${outcomes}."`
	Reason   event.Reason  `enum:",${reasons}" default:"" placeholder:"REASON" help:"Only records that were rejected or failed for this reason."`
	Level    string        `enum:"DEBUG,INFO,WARN,ERROR" default:"DEBUG" placeholder:"LEVEL" help:"Only lines of this level or above: ${enum}."`
	All      bool          `help:"Every receive of a rejected message, not once."`
	JSON     bool          `name:"json" help:"Print the lines as they are, every receive."`
}

// Validate refuses what can show nothing.
func (o *options) Validate() error {
	if o.Since <= 0 {
		return fmt.Errorf("--since=%s: it must be above 0", o.Since)
	}
	if o.Reason != "" && o.Outcome != "" && (o.Outcome == event.Rejected) != o.Reason.Permanent() {
		return fmt.Errorf("--outcome=%s never has --reason=%s", o.Outcome, o.Reason)
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	parsed := command.Parse(&o, kong.Name("logs.sh"), kong.Description(description), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 110}),
		kong.Vars{"outcomes": joined(event.Outcomes), "reasons": joined(slices.Concat(event.PermanentReasons, event.TransientReasons))})
	if err := o.run(ctx); err != nil && ctx.Err() == nil {
		parsed.FatalIfErrorf(err)
	}
}

func joined[T ~string](words []T) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, string(w))
	}
	return strings.Join(texts, ",")
}

// source is the log of one function.
type source struct {
	name string
	tail *stack.Tail
}

func (o *options) run(ctx context.Context) error {
	s, err := stack.Open(ctx)
	if err != nil {
		return err
	}
	var sources []source
	for name, function := range map[string]string{"processor": s.Processor, "producer": s.Producer, "health": s.Health} {
		if o.Function == name || o.Function == "all" {
			sources = append(sources, source{name, s.Tail(function, time.Now().Add(-o.Since))})
		}
	}
	f := newFold(o.All || o.JSON)
	for {
		lines, err := next(ctx, sources)
		now := time.Now()
		f.add(slices.DeleteFunc(lines, func(l line) bool { return !o.wants(&l) }), now)
		if o.NoFollow {
			o.print(f.rest())
			return err
		}
		if err != nil && ctx.Err() == nil {
			o.print(f.rest())
			return err
		}
		o.print(f.due(now))
		select {
		case <-ctx.Done():
			o.print(f.rest())
			return nil
		case <-time.After(time.Second):
		}
	}
}

// next reads the new lines of all functions in the order of their times.
func next(ctx context.Context, sources []source) (lines []line, err error) {
	var errs []error
	for _, s := range sources {
		fresh, err := s.tail.Next(ctx)
		for _, l := range fresh {
			lines = append(lines, read(s.name, l))
		}
		errs = append(errs, err)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	return lines, errors.Join(errs...)
}

// wants is whether a line is one that was asked for.
func (o *options) wants(l *line) bool {
	if l.own || (o.JSON && l.fields == nil) {
		return false
	}
	return (o.Client == "" || l.client == o.Client) && (o.Outcome == "" || l.outcome == o.Outcome) &&
		(o.Reason == "" || l.reason == o.Reason) && severity(l.level) >= severity(o.Level)
}

func (o *options) print(lines []line) {
	for _, l := range lines {
		if o.JSON {
			fmt.Println(l.text)
		} else {
			fmt.Println(l.columns())
		}
	}
}
