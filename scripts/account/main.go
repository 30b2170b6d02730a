// Account has the producer send events, waits until every message is accounted for, and says what became of them.
// setup.sh and test-simple.sh run it.
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
	Run    run    `cmd:"" help:"Send events, wait for them, and print the account as a table."`
	Simple simple `cmd:"" help:"Check the running stack in five sentences."`
	Urls   urls   `cmd:"" help:"Print the URLs of health and of the two queues."`
	Repair repair `cmd:"" help:"Have a local stack forget what its cloud lost, so that a deployment makes it anew."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	parsed := command.Parse(&c, kong.Name("account"), kong.BindTo(ctx, (*context.Context)(nil)))
	parsed.FatalIfErrorf(parsed.Run())
}

// plan says what to send and how long to wait.
type plan struct {
	Events     int           `default:"200" help:"How many events (${default})."`
	Invalid    float64       `default:"0.1" help:"The share of them that is invalid (${default})."`
	Duplicates float64       `default:"0.1" help:"The share of the good ones that is sent twice (${default})."`
	Wait       time.Duration `default:"90s" help:"How long to wait for the last one (${default})."`
}
