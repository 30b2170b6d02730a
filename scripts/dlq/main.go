// Dlq looks into the dead-letter queue and sends back what can be stored by now. dlq.sh runs it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"event-processor/internal/command"
)

type commands struct {
	Hold time.Duration `default:"30s" help:"For how long a message stays hidden from others after a crash of this program, 5s to 10m (${default})."`

	List    list      `cmd:"" help:"Show the dead letters, and what the processor would say of each today."`
	Show    show      `cmd:"" help:"Show one dead letter with its body, its attributes and every violation of a schema."`
	Redrive redrive   `cmd:"" help:"Send dead letters back to the event queue."`
	Purge   purge     `cmd:"" help:"Delete dead letters, after they are exported to a file."`
	Export  exportCmd `cmd:"" help:"Copy dead letters to a file. They stay in the queue."`
	Import  importCmd `cmd:"" help:"Put the messages of an exported file into the dead-letter queue."`
}

const description = `Shows the messages in the dead-letter queue, with the reason why the processor would reject each by today's rules, ` +
	`and sends back what it would store.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	var c commands
	parsed := command.Parse(&c, kong.Name("dlq.sh"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}), kong.BindTo(ctx, (*context.Context)(nil)))
	desk, err := openDesk(ctx, c.Hold)
	parsed.FatalIfErrorf(err)
	parsed.FatalIfErrorf(parsed.Run(desk))
}
