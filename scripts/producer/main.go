// Producer puts events on the queue continuously, until it is told to stop. run-producer.sh runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"golang.org/x/time/rate"

	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

type settings struct {
	Rate    float64 `env:"PRODUCER_RATE" envDefault:"1"`    // events per second
	Invalid float64 `env:"PRODUCER_INVALID" envDefault:"0"` // the share of them that is invalid
}

func load() (settings, error) {
	s, err := env.ParseAs[settings]()
	if err == nil && !(s.Rate > 0 && s.Rate <= 1000) {
		err = errors.New("PRODUCER_RATE must be above 0 and at most 1000 events per second")
	}
	return s, err
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err) //nolint:gocritic // the process ends anyway
	}
}

func run(ctx context.Context) error {
	s, err := load()
	if err != nil {
		return err
	}
	deployed, err := stack.Open(ctx)
	if err != nil {
		return err
	}
	settings, err := deployed.Settings(ctx, deployed.Producer)
	if err != nil {
		return err
	}
	f := flow{
		settings: s, fair: settings["FAIR_QUEUE"] == "true", began: time.Now(),
		queue: queue.New(deployed.Config, deployed.QueueURL, inFlight),
	}
	// The function creates the sample clients that are missing when it starts.
	if err := deployed.Invoke(ctx, deployed.Producer, map[string]int{"count": 0}, &struct{}{}); err != nil {
		return err
	}
	err = f.send(ctx)
	large := ""
	if f.tooLarge > 0 {
		large = fmt.Sprintf(", %d too large for the queue", f.tooLarge)
	}
	fmt.Printf("%d events sent, %d not sent%s, in %s\n", f.sent, f.failed, large, time.Since(f.began).Round(time.Second))
	return err
}

const inFlight = 4

// flow is a run without an end.
type flow struct {
	settings
	queue        *queue.Queue
	fair         bool // with a group id, as the producer function sends
	began        time.Time
	sent, failed int
	tooLarge     int // for the queue, whenever they are sent
	failedInRow  int
}

// send sends what is due until ctx ends.
func (f *flow) send(ctx context.Context) error {
	burst := max(int(f.Rate/10), 1)
	limiter := rate.NewLimiter(rate.Limit(f.Rate), burst)
	for {
		// A run that is planned as a whole has its share of invalid events.
		run, err := generate.New(generate.Options{Count: max(int(f.Rate)*10, 100), Invalid: f.Invalid, MaxBodyBytes: 256 << 10}, time.Now())
		if err != nil {
			return err
		}
		for from := 0; from < run.Len(); from += burst {
			part := make([]generate.Message, min(burst, run.Len()-from))
			for i := range part {
				part[i] = run.Message(from + i)
			}
			if limiter.WaitN(ctx, len(part)) != nil {
				return nil //nolint:nilerr // told to stop, which is no error
			}
			if err := f.put(context.WithoutCancel(ctx), part); err != nil {
				return err
			}
		}
	}
}

// maxFailed is how many events may fail in a row before the queue counts as gone.
const maxFailed = 20

// put sends a few events and says so. It fails where nothing has gone through for a while.
func (f *flow) put(ctx context.Context, part []generate.Message) error {
	messages := make([]queue.Message, len(part))
	for i, m := range part {
		messages[i] = queue.Message{Body: m.Body, Attributes: map[string]string{
			"EventType": m.EventType, "ClientId": m.ClientID, "CorrelationId": m.CorrelationID,
		}}
		if f.fair {
			messages[i].GroupID = m.ClientID
		}
	}
	for i, err := range f.queue.SendAll(ctx, messages) {
		m := part[i]
		var large *queue.TooLargeError
		if errors.As(err, &large) { // which says nothing about whether the queue is there
			fmt.Printf("❌ Event too large for the queue %s: %d bytes, it takes %d\n", m.EventID, large.Bytes, large.Limit)
			f.tooLarge++
			continue
		}
		if err != nil {
			fmt.Printf("❌ Event not sent %s: %v\n", m.EventID, err)
			f.failed++
			if f.failedInRow++; f.failedInRow == maxFailed {
				return fmt.Errorf("%d events in a row could not be sent", maxFailed)
			}
			continue
		}
		fmt.Println(sentLine(&m))
		f.sent++
		f.failedInRow = 0
	}
	return nil
}

// sentLine says what was sent, with all by which trace.sh finds it: no log of AWS has a line of this program.
func sentLine(m *generate.Message) string {
	line := fmt.Sprintf("✅ Sent event %s  %s  %s  %s", m.EventID, m.ClientID, m.EventType, m.CorrelationID)
	if m.Fault != "" {
		line += "  invalid: " + m.Fault
	}
	return line
}
