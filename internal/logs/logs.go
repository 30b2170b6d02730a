// Package logs makes the logger of every function: one JSON line per call, with the request id.
package logs

import (
	"context"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Level is from where on lines are written. It reads slog's words and Lambda's TRACE and FATAL, in any letter case;
// the zero value, and so an empty setting, is INFO.
type Level slog.Level

// Lambda's two words that slog does not know, where OpenTelemetry's numbers put them.
const (
	trace = Level(slog.LevelDebug - 4)
	fatal = Level(slog.LevelError + 4)
)

// UnmarshalText reads a word such as debug or WARN.
func (l *Level) UnmarshalText(text []byte) error {
	switch strings.ToUpper(string(text)) {
	case "TRACE":
		*l = trace
		return nil
	case "FATAL":
		*l = fatal
		return nil
	}
	return (*slog.Level)(l).UnmarshalText(text)
}

// New makes a logger that writes at level and above, whatever AWS_LAMBDA_LOG_LEVEL says: aws-lambda-go knows that
// variable only in capital letters. The settings read it where LOG_LEVEL is not set.
func New(level Level) *slog.Logger {
	return slog.New(handler{lambdacontext.NewLogHandler(), slog.Level(level)})
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
