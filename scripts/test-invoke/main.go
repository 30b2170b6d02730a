// Test-invoke runs the functions outside the local cloud, against its tables and queues: with `sam local` in Docker,
// or in the Runtime Interface Emulator. test-invoke.sh runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Test goldenTest `cmd:"" default:"withargs" help:"Run every golden event and compare the answers (the default)."`
	Sam  samCommand `cmd:"" passthrough:"" help:"Run sam with these arguments, such as: sam local invoke ProcessorFunction -e FILE."`

	layout
}

// layout is where the script has put things.
type layout struct {
	Root         string `required:"" hidden:"" help:"The repository."`
	Build        string `required:"" hidden:"" help:"What sam build made."`
	Venv         string `required:"" hidden:"" help:"The virtual environment with aws-sam-cli in it."`
	Local        string `required:"" hidden:"" help:"The local cloud's folder, for files of this program."`
	Architecture string `required:"" hidden:"" enum:"x86_64,arm64" help:"What the functions are built for."`
}

const description = `Runs the functions with "sam local" in Docker, against the tables and queues of the local cloud, and ` +
	`compares what they answer with the .want.json beside each event. Without Docker the same events run in the Runtime ` +
	`Interface Emulator of aws-sam-cli.`

func main() {
	// Further signals change nothing: what was started is ended within seconds, and has to be.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var c commands
	parsed := kong.Parse(&c, kong.Name("test-invoke.sh"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}), kong.BindTo(ctx, (*context.Context)(nil)))
	err := parsed.Run(c.layout)
	if errors.Is(err, errFailed) {
		os.Exit(1) //nolint:gocritic // all is said, and nothing runs any more
	}
	parsed.FatalIfErrorf(err)
}

// goldenTest is the test of the golden events.
type goldenTest struct {
	Docker bool `xor:"place" help:"Fail where Docker is missing."`
	RIE    bool `name:"rie" xor:"place" help:"Use the Runtime Interface Emulator even where Docker is there."`
}

// errFailed says that a golden event failed. It was printed.
var errFailed = errors.New("a golden event failed")

// Run runs all golden events, each in an environment of its own, and the batches once more in one that stays.
func (c *goldenTest) Run(ctx context.Context, l layout) error {
	events, err := find(l.Root)
	if err != nil {
		return err
	}
	log, err := os.Create(l.logFile())
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // a log
	functions, err := deployed(ctx)
	if err != nil {
		return err
	}
	defer functions.close(ctx)
	p, err := c.place(ctx, l, functions, log)
	if err != nil {
		return err
	}
	defer p.close()

	var t tally
	fmt.Println(p.title() + ": an environment for each event")
	t.cold(ctx, p, events)
	fmt.Println(p.title() + ", warm: one environment for all batches, each delivered twice")
	t.warm(ctx, p, events)
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing is left running")
	}
	if t.failed > 0 {
		fmt.Printf("What the functions said is in %s.\n", l.logFile())
	}
	fmt.Printf("%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		return errFailed
	}
	return nil
}

// place opens the place where the functions run: Docker, or the emulator where that was asked for or is all there is.
func (c *goldenTest) place(ctx context.Context, l layout, functions *functions, log *os.File) (place, error) {
	if !c.RIE {
		what := missing(ctx, baseImage(l.Architecture))
		if what == "" {
			return openDocker(ctx, l, functions, log)
		}
		if c.Docker {
			return nil, withoutDocker(what)
		}
		fmt.Printf("%s: the functions run in the Runtime Interface Emulator of aws-sam-cli instead.\n", what)
	}
	return openEmulator(l, functions.settings, log)
}
