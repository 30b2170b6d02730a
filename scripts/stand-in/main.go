// Stand-in serves a MiniStack with the traits in which LocalStack differs, for as long as it runs:
//
//	go run ./scripts/stand-in --cloud http://127.0.0.1:4566 --listen 127.0.0.1:4600 --trait rewrites,no-groups
//
// Scripts and tests find it by AWS_ENDPOINT_URL. MiniStack's functions speak to MiniStack itself unless they are told
// otherwise, by AWS_ENDPOINT_URL_SQS among their settings.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"event-processor/internal/standin"
)

type options struct {
	Cloud  string   `default:"http://127.0.0.1:4566" help:"The MiniStack behind it (${default})."`
	Listen string   `default:"127.0.0.1:4600" help:"Where it listens, on loopback (${default})."`
	Trait  []string `required:"" enum:"${traits},all" help:"Which traits: ${traits}, or all."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var names []string
	for _, t := range standin.All {
		names = append(names, string(t))
	}
	var o options
	parsed := kong.Parse(&o, kong.Name("stand-in"), kong.UsageOnError(), kong.Vars{"traits": strings.Join(names, ",")})
	parsed.FatalIfErrorf(o.run(ctx))
}

func (o *options) traits() (traits []standin.Trait) {
	if slices.Contains(o.Trait, "all") {
		return standin.All
	}
	for _, name := range o.Trait {
		traits = append(traits, standin.Trait(name))
	}
	return traits
}

func (o *options) run(ctx context.Context) error {
	host, _, err := net.SplitHostPort(o.Listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--listen %s: not an address on loopback, such as 127.0.0.1:4600", o.Listen)
	}
	cloud, err := standin.New(ctx, o.Cloud, o.traits()...)
	if err != nil {
		return err
	}
	defer cloud.Close() //nolint:errcheck // the program ends
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("%w: another port is another --listen", err)
	}
	server := &http.Server{Handler: cloud, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		const patience = 5 * time.Second
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if server.Shutdown(ending) != nil {
			_ = server.Close()
		}
	}()
	fmt.Printf("http://%s is %s with: %s (Ctrl-C ends it)\n", listener.Addr(), o.Cloud, strings.Join(o.Trait, ", "))
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
