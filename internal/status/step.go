package status

import (
	"fmt"
	"strings"
	"time"
)

// Words of the command, as the page lays them out.
func (s Step) Words() []string { return strings.Split(s.Run, " ") }

// tooOld is the age of the oldest message at which people are asked to look; the alarm has the same.
const tooOld = 5 * time.Minute

// disabled is what a mapping fails with that is switched off, and enable switches the processor's on.
const (
	disabled = "state is disabled"
	enable   = `aws lambda update-event-source-mapping --enabled --uuid "$(aws lambda list-event-source-mappings ` +
		`--function-name event-processor --query 'EventSourceMappings[0].UUID' --output text)"`
)

// local is the Stage of a local cloud.
const local = "local"

// steps lists what to do: one step for each kind of failure, then for what is well but wants a look.
func (r *Report) steps(broken []row) []Step {
	steps := []Step{}
	var kinds []string // in the order of the parts
	titles := map[string][]string{}
	for _, row := range broken {
		if titles[row.Error] == nil {
			kinds = append(kinds, row.Error)
		}
		titles[row.Error] = append(titles[row.Error], row.Title)
	}
	for _, kind := range kinds {
		what := fmt.Sprintf("%s: the %s. ", upperFirst(kind), list(titles[kind]))
		why, run := advice(kind, r.Stage)
		steps = append(steps, Step{What: what + why, Run: run})
	}
	if n := r.DeadLetters; n != nil && *n > 0 {
		what := fmt.Sprintf("%s dead letters wait for a decision.", number(*n))
		if *n == 1 {
			what = "1 dead letter waits for a decision."
		}
		steps = append(steps, Step{What: what, Run: "./scripts/dlq.sh list"})
	}
	if s := r.OldestAgeSeconds; s != nil && *s > int(tooOld.Seconds()) {
		steps = append(steps, Step{
			What: fmt.Sprintf("The oldest message has waited for %s. See what the processor says.", age(*s)),
			Run:  "./scripts/logs.sh",
		})
	}
	return steps
}

// advice says why a failure of this kind happens, and the command that helps.
func advice(kind, stage string) (why, run string) {
	deploy, look := "sam build && sam deploy --config-env "+stage, "./scripts/logs.sh"
	if stage == local {
		deploy, look = "./scripts/setup.sh", "./scripts/setup-localstack.sh status"
	}
	switch kind {
	case notFound:
		return "The stack is not deployed, or not whole.", deploy
	case accessDenied:
		return "The role of the health function may not look. Deploy the template's policies again.", deploy
	case throttled:
		return "It is asked too often and may be well. Look again in a minute.", "./scripts/logs.sh"
	case timeout, unreachable:
		if stage == local {
			return "The local cloud does not answer. See whether it runs.", look
		}
		return "AWS does not answer. See whether it reports an incident, and what the functions say.", look
	case internalError, failed:
		return "The log of the health function has the error.", "./scripts/logs.sh"
	case disabled:
		return "Somebody has switched it off. Switch it on again.", enable
	default: // another state
		return "It is there, but not in service. Wait a minute if it is being changed; else deploy again.", deploy
	}
}

// list joins words as a sentence does.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// number writes a count with commas: 12,345.
func number(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// age writes seconds in the largest unit that fits, rounded down: 42 s, 7 min, 3 h, 2 d.
func age(seconds int) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min", seconds/60)
	case seconds < 86400:
		return fmt.Sprintf("%d h", seconds/3600)
	default:
		return fmt.Sprintf("%d d", seconds/86400)
	}
}
