// Logs shows what the functions log. logs.sh runs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"event-processor/internal/stack"
)

type options struct {
	Function string        `arg:"" default:"all" enum:"processor,producer,health,all" help:"Whose lines: ${enum} (${default})."`
	Since    time.Duration `default:"10m" help:"How far back to begin (${default})."`
	NoFollow bool          `help:"Do not wait for more."`
	JSON     bool          `name:"json" help:"Print the lines as they are."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	parsed := kong.Parse(&o, kong.Name("logs.sh"), kong.UsageOnError())
	if err := o.run(ctx); err != nil && ctx.Err() == nil {
		parsed.FatalIfErrorf(err)
	}
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
	for {
		if err := o.next(ctx, sources); err != nil || o.NoFollow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// next prints the new lines of all functions in the order of their times.
func (o *options) next(ctx context.Context, sources []source) error {
	type entry struct {
		name string
		stack.Line
	}
	var (
		entries []entry
		errs    []error
	)
	for _, s := range sources {
		lines, err := s.tail.Next(ctx)
		for _, line := range lines {
			entries = append(entries, entry{s.name, line})
		}
		errs = append(errs, err)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.At.Compare(b.At) })
	for _, e := range entries {
		switch text, show := readable(e.Text); {
		case o.JSON && strings.HasPrefix(e.Text, "{"):
			fmt.Println(strings.TrimSpace(e.Text))
		case !o.JSON && show:
			fmt.Printf("%s %-9s  %s\n", e.At.Local().Format("15:04:05.000"), e.name, text)
		}
	}
	return errors.Join(errs...)
}

// readable puts a line into one that people read. Lambda's own lines about invocations are not shown, and neither are
// those that CloudWatch makes metrics of.
func readable(line string) (text string, show bool) {
	line = strings.TrimSpace(line)
	for _, own := range []string{"START ", "END ", "REPORT ", "INIT_START ", `{"time":`, `{"_aws":`} {
		if strings.HasPrefix(line, own) {
			return "", false
		}
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return line, line != ""
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%-5v %v", fields["level"], fields["message"])
	for _, name := range []string{"timestamp", "level", "message", "requestId"} {
		delete(fields, name)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] != "" {
			_, _ = fmt.Fprintf(&b, "  %s=%v", name, fields[name])
		}
	}
	return b.String(), true
}
