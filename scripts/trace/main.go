// Trace shows the way of one event through the service. trace.sh runs it.
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

	"event-processor/internal/stack"
)

type options struct {
	CorrelationID string        `arg:"" help:"As in the log, the stored item and the message attribute CorrelationId; the message id where an event has none."`
	Since         time.Duration `default:"24h" help:"How far back to look (${default})."`
	Client        string        `help:"Whose event it is, to find it in the table without a line in a log."`
	Event         string        `help:"The event's id, beside --client."`
	Scan          bool          `help:"The last resort: read the whole table. It costs a read unit for every 8 KB of it."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	parsed := kong.Parse(&o, kong.Name("trace.sh"), kong.UsageOnError())
	parsed.FatalIfErrorf(o.run(ctx))
}

// errNothing is the end where nobody knows the id.
var errNothing = errors.New("nothing is known of this correlation id: is it right, and is --since long enough? " +
	"A stored event of another sender than this project's producer is found with --client and --event, or by --scan")

func (o *options) run(ctx context.Context) error {
	if (o.Client == "") != (o.Event == "") {
		return errors.New("--client and --event go together")
	}
	s, err := stack.Open(ctx)
	if err != nil {
		return err
	}
	w := &way{correlationID: o.CorrelationID}
	if o.Client != "" {
		w.know(o.Client, o.Event)
	}
	if o.Scan {
		if err := w.scan(ctx, s); err != nil {
			return err
		}
	}
	if err := w.find(ctx, s, o.Since); err != nil {
		return err
	}
	if !w.known() {
		return errNothing
	}
	fmt.Print(w.text(time.Now()))
	return nil
}
