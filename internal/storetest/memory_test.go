package storetest

import (
	"testing"

	"event-processor/internal/batch"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) batch.Store { return new(Memory) })
}
