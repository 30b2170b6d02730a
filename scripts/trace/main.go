// Trace shows the way of one event through the service. trace.sh runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"event-processor/internal/command"
	"event-processor/internal/stack"
)

type options struct {
	ID     string        `arg:"" help:"A correlation id, as in the log, the stored item and the message attribute CorrelationId; or an event id, or a message id."`
	Since  time.Duration `default:"24h" help:"How far back to look (${default})."`
	Client string        `help:"Whose event it is: with the event's id it is found in the table without a line in a log."`
	Event  string        `help:"The event's id, beside --client, where ID is another one."`
	Scan   bool          `help:"The last resort: read the whole table. It costs a read unit for every 8 KB of it. On a local cloud that is done where the logs know nothing."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	parsed := command.Parse(&o, kong.Name("trace.sh"))
	parsed.FatalIfErrorf(o.run(ctx))
}

// check refuses what can find nothing, or everything.
func (o *options) check() error {
	switch {
	case strings.TrimSpace(o.ID) == "":
		return errors.New("the id is empty: say a correlation id, an event id or a message id")
	case o.Event != "" && o.Client == "":
		return errors.New("--event needs --client: two clients may have an event of the same id")
	case o.Since <= 0:
		return fmt.Errorf("--since=%s: it must be above 0", o.Since)
	}
	return nil
}

func (o *options) run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := stack.Open(ctx)
	if err != nil {
		return err
	}
	w := &way{id: o.ID, since: o.Since}
	if o.Client != "" {
		w.know(o.Client, o.eventID())
	}
	if err := w.find(ctx, s, o.Scan); err != nil {
		return err
	}
	if !w.known() {
		return w.nothing()
	}
	fmt.Print(w.text(time.Now()))
	return nil
}

// eventID is the one that belongs to --client.
func (o *options) eventID() string {
	if o.Event == "" {
		return o.ID
	}
	return o.Event
}
