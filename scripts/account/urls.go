package main

import (
	"context"
	"fmt"
	"strings"

	"event-processor/internal/stack"
)

// urls is what env.sh asks.
type urls struct{}

// Run prints a name and a URL a line, for a shell to read.
func (*urls) Run(ctx context.Context) error {
	s, err := stack.Open(ctx)
	if err != nil {
		return err
	}
	health := strings.TrimSuffix(s.HealthURL(ctx), "/")
	_, err = fmt.Printf("HEALTH_URL %s\nQUEUE_URL %s\nDLQ_URL %s\n", health, s.QueueURL, s.DLQURL)
	return err
}
