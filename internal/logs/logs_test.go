package logs_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/caarlos0/env/v11"

	"event-processor/internal/logs"
)

// TestLevel reads the level as the functions' settings do: LOG_LEVEL, else Lambda's own variable, else INFO.
func TestLevel(t *testing.T) {
	for name, tt := range map[string]struct {
		own, lambdas string
		want         slog.Level
	}{
		"neither is set":           {want: slog.LevelInfo},
		"our own":                  {own: "debug", want: slog.LevelDebug},
		"our own comes first":      {own: "Warn", lambdas: "DEBUG", want: slog.LevelWarn},
		"Lambda's":                 {lambdas: "ERROR", want: slog.LevelError},
		"Lambda's, in lower case":  {lambdas: "debug", want: slog.LevelDebug},
		"a word of Lambda's only":  {lambdas: "trace", want: slog.LevelDebug - 4},
		"another one":              {lambdas: "Fatal", want: slog.LevelError + 4},
		"in between, as slog says": {own: "info+2", want: slog.LevelInfo + 2},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.own != "" {
				t.Setenv("LOG_LEVEL", tt.own)
			}
			t.Setenv("AWS_LAMBDA_LOG_LEVEL", tt.lambdas)
			s, err := env.ParseAs[struct {
				Level logs.Level `env:"LOG_LEVEL,expand" envDefault:"${AWS_LAMBDA_LOG_LEVEL}"`
			}]()
			if err != nil {
				t.Fatal(err)
			}
			log := logs.New(s.Level)
			if !log.Enabled(context.Background(), tt.want) || log.Enabled(context.Background(), tt.want-1) {
				t.Errorf("got level %s, want %s", slog.Level(s.Level), tt.want)
			}
		})
	}
}

func TestLevelRefusesOtherWords(t *testing.T) {
	for _, word := range []string{"loud", "debugging", "5", " INFO"} {
		if err := new(logs.Level).UnmarshalText([]byte(word)); err == nil {
			t.Errorf("%q was taken for a level", word)
		}
	}
}
