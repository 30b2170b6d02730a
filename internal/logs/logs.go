// Package logs makes the logger of every function: one JSON line per call, with the request id.
package logs

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// New makes a logger that writes at level and above, whatever AWS_LAMBDA_LOG_LEVEL says: Lambda knows that
// variable only in capital letters and filters by it what carries no level, as metrics do not.
func New(level slog.Level) *slog.Logger {
	return slog.New(handler{lambdacontext.NewLogHandler(), level})
}

type handler struct {
	slog.Handler
	level slog.Level
}

func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.level}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.level}
}
