package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// columns is how wide a terminal is, 0 where the file is none.
func columns(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd())) //nolint:gosec // a file descriptor is small
	if err != nil {
		return 0
	}
	return width
}

// ask asks a question on the terminal. An interrupt is an answer, too.
func ask(ctx context.Context, question string) (yes bool, err error) {
	_, _ = fmt.Fprint(os.Stderr, question+" [y/N] ")
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // its end is a no
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case <-ctx.Done():
		return false, errInterrupted
	case answer := <-answers:
		return answer == "y" || answer == "yes", nil
	}
}

// every is how often plain lines say how far things are.
const every = 5 * time.Second

// progress says how far a sweep is: a bar on a terminal, a line now and then elsewhere.
type progress struct {
	desk  *desk
	total int // about

	mu   sync.Mutex
	seen int
	last time.Time
	bar  *progressbar.ProgressBar
}

func (d *desk) progress(total int, what string) *progress {
	p := &progress{desk: d, total: total, last: time.Now()}
	if d.bar {
		p.bar = progressbar.NewOptions(max(total, 1), progressbar.OptionSetWriter(d.notes), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
		_ = p.bar.RenderBlank()
	}
	return p
}

// add notes n more messages that were looked at, and says how many of all were dealt with.
func (p *progress) add(n int, done string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen += n
	switch {
	case p.bar != nil:
		if p.seen > p.bar.GetMax() { // the total was an estimate
			p.bar.ChangeMax(p.seen)
		}
		_ = p.bar.Set(p.seen)
	case time.Since(p.last) >= every:
		p.desk.note("%d of about %d looked at, %s", p.seen, max(p.total, p.seen), done)
		p.last = time.Now()
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
	}
}
