package status

import (
	"fmt"
	"strings"
)

// Words of the command, as the page lays them out.
func (s Step) Words() []string { return strings.Split(s.Run, " ") }

// disabled is what a mapping fails with that is switched off.
const disabled = "state is disabled"

// enable switches a processor's mapping on.
func enable(processor string) string {
	return `aws lambda update-event-source-mapping --enabled --uuid "$(aws lambda list-event-source-mappings ` +
		`--function-name ` + processor + ` --query 'EventSourceMappings[0].UUID' --output text)"`
}

// local is the Stage of a local cloud.
const local = "local"

// script is a command as it is typed for this stage: the scripts work on the local one unless they are told.
func (d *Deployed) script(run string) string {
	if d.Stage != local && strings.HasPrefix(run, "./scripts/") {
		return "STAGE=" + d.Stage + " " + run
	}
	return run
}

// repairs lists what to do about broken parts: one step for each kind of failure.
func repairs(broken []row, on *Deployed) []Step {
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
		why, run := advice(kind, on)
		steps = append(steps, Step{What: what + why, Run: run, Urgent: true})
	}
	return steps
}

// advice says why a failure of this kind happens, and the command that helps.
func advice(kind string, on *Deployed) (why, run string) {
	stage := on.Stage
	deploy, look := "sam build && sam deploy --config-env "+stage, "./scripts/logs.sh health"
	if stage == local {
		deploy, look = "./scripts/setup.sh", "./scripts/setup-localstack.sh status"
	}
	switch kind {
	case notFound:
		if stage == local {
			return "The stack is not deployed, or not whole. Set-up makes anew what is gone.", deploy
		}
		name := " --stack-name event-processor-" + stage
		return "Somebody deleted it, and no deployment notices. See what is gone; a table comes back from its backup.",
			"aws cloudformation detect-stack-drift" + name + " && sleep 30 && aws cloudformation describe-stack-resource-drifts" + name +
				" --stack-resource-drift-status-filters DELETED"
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
		return "The log of the health function has the error.", "./scripts/logs.sh health"
	case disabled:
		return "Somebody has switched it off. Switch it on again.", enable(on.Processor)
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

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
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
