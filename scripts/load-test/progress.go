package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how the test goes: a bar in a terminal, else a line every few seconds.
type progress struct {
	bar   *progressbar.ProgressBar
	total int
	last  time.Time
}

func newProgress(total int) *progress {
	p := &progress{total: total}
	if term.IsTerminal(int(os.Stdout.Fd())) { //nolint:gosec // a file descriptor is small
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(os.Stdout), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(24), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
	}
	return p
}

func (p *progress) show(samples []sample) {
	const every = 5 * time.Second
	now := samples[len(samples)-1]
	words := fmt.Sprintf("%4.0f/s · backlog %s · dead letters %s", recentRate(samples), thousands(now.Waiting+now.InFlight), thousands(now.DeadLetters))
	switch {
	case p.bar != nil:
		p.bar.Describe(words)
		_ = p.bar.Set(max(now.done(), 0))
	case time.Since(p.last) >= every:
		fmt.Printf("… %3.0f s  %s of %s messages sent  %s\n", now.Second, thousands(now.Sent), thousands(p.total), words)
		p.last = time.Now()
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// recentRate is how many messages left the queue a second, over the last five seconds.
func recentRate(samples []sample) float64 {
	const span = 5
	now := samples[len(samples)-1]
	for i := range samples {
		if before := samples[i]; now.Second-before.Second <= span {
			return float64(now.done()-before.done()) / max(now.Second-before.Second, lookEvery.Seconds())
		}
	}
	return 0
}
