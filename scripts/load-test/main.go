// Load-test puts the stack under load and accounts for every message. load-test.sh runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"event-processor/internal/command"
	"event-processor/internal/stack"
)

const description = `Sends events at a rate or as fast as they are taken, waits until every message is accounted for, and writes ` +
	`a report into a folder of its own: index.html to read, result.json with all numbers.`

type options struct {
	Profile    string        `xor:"pace" placeholder:"NAME" help:"normal: 5/s for 5 minutes. peak: 20/s for 5 minutes. sustained: 10/s for 15 minutes. burst: 20,000 as fast as it goes (the default)."`
	Rate       float64       `xor:"pace" placeholder:"R" help:"Messages a second; a minute of them unless --events says how many."`
	Events     *int          `placeholder:"N" help:"How many events, up to 100,000. Those that are sent twice count once."`
	Invalid    float64       `default:"0.02" help:"The share of them that is invalid (${default})."`
	Duplicates float64       `default:"0.02" help:"The share of the good ones that is sent twice (${default})."`
	Clients    int           `placeholder:"N" help:"Create this many clients for the test and remove them afterwards. Without it the sample clients send."`
	Skew       *float64      `placeholder:"S" help:"Client k sends in proportion to 1/k^S: 0 is even, 1 is Zipf's law (1 with --clients, else 0)."`
	Keep       bool          `help:"Do not remove the clients that --clients created."`
	MaxBacklog *int          `placeholder:"N" help:"Hold back while so many messages wait; 0 never holds back (1,000 on a local cloud, which slows down with its queue, else 0)."`
	Seed       *uint64       `placeholder:"N" help:"Make the run repeatable. A run that was sent already is refused."`
	Report     string        `env:"LOAD_REPORT" default:".local/load-test" type:"path" placeholder:"DIR" help:"Where the reports go: a folder each, named for when the test began, and latest beside them."`
	Wait       time.Duration `default:"5m" help:"How long to wait for the last message after the last send (${default})."`
}

func main() {
	var o options
	parsed := command.Parse(&o, kong.Name("load-test.sh"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	parsed.FatalIfErrorf(run(ctx, &o))
}

// run does the whole test. The end of ctx ends only the sending: the rest is the account of what was sent.
func run(ctx context.Context, o *options) error {
	p, err := planOf(o)
	if err != nil {
		return err
	}
	s, err := stack.Open(ctx)
	if err != nil {
		return err
	}
	on, err := ask(ctx, s)
	if err != nil {
		return err
	}
	after := context.WithoutCancel(ctx)
	who, err := speakersOf(ctx, s, o.Clients, p.seed)
	if err != nil {
		return err
	}
	if !o.Keep {
		defer who.remove(after)
	}
	t, err := prepare(ctx, s, on, p, who)
	if err != nil {
		return err
	}
	t.load(ctx)
	unread := t.settle(after, o.Wait)
	r := t.result()
	r.Planned = t.run.Len()
	r.Interrupted = ctx.Err() != nil && r.tried() < r.Planned // else it came too late to cut anything short
	if unread != nil {
		r.Wrong = append(r.Wrong, "Not all of the evidence could be read: "+unread.Error())
	}
	r.print(os.Stdout)
	folder, err := newFolder(o.Report, r.Began)
	if err != nil {
		return err
	}
	file, err := r.write(folder)
	if err != nil {
		return err
	}
	fmt.Printf("\nreport  %s\n", file)
	if err := pointTo(folder); err != nil {
		fmt.Printf("        %v\n", err)
	}
	switch {
	case !r.Balanced:
		return fmt.Errorf("the account does not balance: of %d messages %d are accounted for", r.Sent, r.Accounted)
	case r.NotSent > 0:
		return fmt.Errorf("%d messages could not be sent: %s", r.NotSent, r.NotSentWhy)
	case r.Interrupted:
		return errors.New("interrupted: the report is of what was sent, and says so")
	}
	return nil
}
