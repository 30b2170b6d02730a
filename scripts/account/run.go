package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"event-processor/internal/account"
	"event-processor/internal/cloud"
	"event-processor/internal/event"
	"event-processor/internal/stack"
	"event-processor/schemas"
)

// run is the demonstration at the end of setup.sh.
type run struct {
	plan `embed:""`
}

// Run sends, waits and prints. It fails unless the account balances exactly and the service is healthy.
func (r *run) Run(ctx context.Context) error {
	s, err := stack.Open(ctx)
	if err != nil {
		return err
	}
	t, err := start(ctx, s, r.plan)
	if err != nil {
		return err
	}
	progress := newProgress(len(t.sent))
	a, err := t.settle(ctx, r.Wait, progress.show)
	progress.end()
	if err != nil {
		return err
	}
	left := t.leave(ctx, &a)
	healthy, health := healthOf(ctx, s)
	table(os.Stdout, r.Events, &a, health, t.traits, s, s.HealthURL(ctx))
	fmt.Println(left)
	switch {
	case !a.Balanced():
		return fmt.Errorf("the account does not balance after %s: of %d messages %d are accounted for", r.Wait, a.Sent, a.Total())
	case !healthy:
		return fmt.Errorf("the service is not healthy: %s", health)
	}
	return nil
}

// healthOf asks the health function and says in words what it answered.
func healthOf(ctx context.Context, s *stack.Stack) (healthy bool, words string) {
	status, body, err := s.Get(ctx, "health")
	if err != nil {
		return false, err.Error()
	}
	var answer struct {
		Healthy bool
		Checks  map[string]struct {
			Healthy bool
			Error   string
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return false, fmt.Sprintf("status %d, no JSON", status)
	}
	good, bad := 0, []string(nil)
	for _, name := range slices.Sorted(maps.Keys(answer.Checks)) {
		if check := answer.Checks[name]; check.Healthy {
			good++
		} else {
			bad = append(bad, strings.TrimSuffix(name+": "+check.Error, ": "))
		}
	}
	words = fmt.Sprintf("%d of %d checks pass", good, len(answer.Checks))
	if len(bad) > 0 {
		words += " (" + strings.Join(bad, "; ") + ")" // healthy all the same where a check is only shown
	}
	if answer.Healthy && status == http.StatusOK {
		return true, "healthy, " + words
	}
	return false, fmt.Sprintf("not healthy, status %d, %s", status, words)
}

func table(to io.Writer, events int, a *account.Account, health string, on cloud.Traits, s *stack.Stack, healthURL string) {
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', tabwriter.AlignRight)
	row := func(name string, n int) { _, _ = fmt.Fprintf(w, "%-40s\t%d\t\n", name, n) }
	_, _ = fmt.Fprintln(w)
	row("sent", a.Sent)
	row("stored", a.TotalStored())
	for _, client := range slices.Sorted(maps.Keys(a.Stored)) {
		for _, eventType := range schemas.Types() {
			if n := a.Stored[client][eventType]; n > 0 {
				row("  "+client+"  "+eventType, n)
			}
		}
	}
	row("duplicates", a.Duplicates)
	row("dead letters", a.Total()-a.TotalStored()-a.Duplicates)
	for _, reason := range event.PermanentReasons {
		if n := a.DeadLetters[reason]; n > 0 {
			row("  "+string(reason), n)
		}
	}
	if len(a.Missing) > 0 {
		row("not accounted for, and expected as", a.Sent-a.Total())
	}
	for _, what := range slices.Sorted(maps.Keys(a.Missing)) {
		row("  "+what, a.Missing[what])
	}
	_ = w.Flush()
	verdict := "balanced"
	if !a.Balanced() {
		verdict = "NOT BALANCED"
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(to, format+"\n", args...) }
	say("\n%s: %d events in %d messages = %d stored + %d duplicates + %d dead letters%s", verdict, events, a.Sent, a.TotalStored(),
		a.Duplicates, a.Total()-a.TotalStored()-a.Duplicates, unaccounted(a))
	for _, sentence := range a.Wrong {
		say("  %s", sentence)
	}
	say("\ncloud              %s", on)
	say("health             %s", health)
	say("  as a page        %s", healthURL)
	say("  as JSON          %shealth", healthURL)
	say("event queue        %s", s.QueueURL)
	say("dead-letter queue  %s", s.DLQURL)
}

func unaccounted(a *account.Account) string {
	if n := a.Sent - a.Total(); n > 0 {
		return fmt.Sprintf(" + %d not accounted for", n)
	}
	return ""
}

// progress shows how many messages are accounted for: a bar in a terminal, else a line every few seconds.
type progress struct {
	bar  *progressbar.ProgressBar
	last time.Time
}

func newProgress(total int) *progress {
	p := &progress{last: time.Now()}
	if term.IsTerminal(int(os.Stdout.Fd())) { //nolint:gosec // a file descriptor is small
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(os.Stdout), progressbar.OptionSetDescription("Messages accounted for"),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
	}
	return p
}

func (p *progress) show(a account.Account) {
	const every = 3 * time.Second
	switch {
	case p.bar != nil:
		_ = p.bar.Set(a.Total())
	case a.Balanced() || time.Since(p.last) >= every:
		fmt.Printf("… %d of %d messages accounted for\n", a.Total(), a.Sent)
		p.last = time.Now()
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
