package storetest

import (
	"testing"
	"time"

	"event-processor/internal/batch"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T, func() time.Time) batch.Store { return new(Memory) })
}
