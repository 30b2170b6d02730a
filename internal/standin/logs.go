package standin

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
)

// filterLogEvents answers with the lines in an order drawn from always the same seed, unless they were asked for
// interleaved. LocalStack, 3.1.0 and 4.14.0, answers with one stream after another, each in the order of its times; here
// lines of one stream keep only their order within a millisecond, so that a single stream shows the difference, too.
func (s *StandIn) filterLogEvents(w http.ResponseWriter, r *http.Request, body []byte) error {
	got, err := s.ask(r, body, body)
	if err != nil || got.status != http.StatusOK || !s.traits[Unsorted] {
		return orWrite(err, got, w)
	}
	var call struct {
		Interleaved bool `json:"interleaved"`
	}
	var result object
	var events []object
	if err := json.Unmarshal(body, &call); err != nil {
		return fmt.Errorf("read FilterLogEvents: %w", err)
	}
	if err := json.Unmarshal(got.body, &result); err != nil {
		return fmt.Errorf("read what MiniStack says of FilterLogEvents: %w", err)
	}
	if err := json.Unmarshal(result["events"], &events); err != nil {
		return fmt.Errorf("read the lines of FilterLogEvents: %w", err)
	}
	if call.Interleaved {
		return got.write(w)
	}
	result.set("events", shuffled(events))
	got.body, err = json.Marshal(result)
	return orWrite(err, got, w)
}

func shuffled(events []object) []object {
	var together [][]object // of one stream and one millisecond
	at := map[string]int{}
	for _, e := range events {
		key := e.text("logStreamName") + string(e["timestamp"])
		i, ok := at[key]
		if !ok {
			i = len(together)
			at[key] = i
			together = append(together, nil)
		}
		together[i] = append(together[i], e)
	}
	random := rand.New(rand.NewPCG(3, 1)) //nolint:gosec // the same order each time
	random.Shuffle(len(together), func(i, j int) { together[i], together[j] = together[j], together[i] })
	lines := make([]object, 0, len(events))
	for _, part := range together {
		lines = append(lines, part...)
	}
	return lines
}
