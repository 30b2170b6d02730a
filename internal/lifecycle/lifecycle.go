// Package lifecycle runs a function until it is told to end, and ends it in good order: what is under way is
// finished, answered and logged.
package lifecycle

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// grace is how long what is under way has after SIGTERM, so that the process ends within 300 ms. Lambda kills it
// after 500.
const grace = 250 * time.Millisecond

// Start runs a handler, as lambda.Start does, until SIGTERM. The context of what is under way then ends, so that
// it comes to its end; when its answer is delivered, and in any case after 250 ms, the process exits with status 0.
// There is nothing to flush besides: logs, metrics and traces are written when they arise.
func Start(handler any) {
	h := &invocations{Handler: lambda.NewHandler(handler), ending: make(chan struct{})}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		close(h.ending)
		h.wait(grace)
		os.Exit(0)
	}()
	lambda.StartWithOptions(h, options()...)
}

// options ask Lambda for SIGTERM, which it sends only where an extension is registered; an internal one without
// events is enough. Where nobody says how the environment was initialized there is no Extensions API either (a local
// cloud); to ask for it there would bring a warning with every start. SIGTERM comes there without being asked for.
func options() []lambda.Option {
	if os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == "" {
		return nil
	}
	return []lambda.Option{lambda.WithEnableSIGTERM()}
}

// invocations is a handler that knows what is under way.
type invocations struct {
	lambda.Handler
	ending chan struct{} // closed by SIGTERM

	// open is read-locked by each invocation until its answer is delivered. A WaitGroup must not begin to grow while
	// someone waits.
	open sync.RWMutex
}

// Invoke hands an invocation on with a context that ends with SIGTERM, too.
func (h *invocations) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	h.open.RLock()
	context.AfterFunc(ctx, h.open.RUnlock) // the runtime ends its context when the answer is delivered
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-h.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	return h.Handler.Invoke(ctx, payload)
}

// wait returns when nothing is under way, or when the time is up. What comes after it waits for the end.
func (h *invocations) wait(limit time.Duration) {
	done := make(chan struct{})
	go func() { h.open.Lock(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}
