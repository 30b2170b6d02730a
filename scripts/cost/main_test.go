package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"event-processor/internal/cost"
	"event-processor/internal/emf"
	"event-processor/internal/event"
)

// columns are the cases of the README's table.
var columns = []struct {
	name    string
	traffic cost.Traffic
}{
	{"batches of 100, all good", cost.Traffic{Events: 30_000_000, PayloadBytes: 600, Batch: 100, KeptDays: 30}},
	{"batches of 10, all good", cost.Traffic{Events: 30_000_000, PayloadBytes: 600, Batch: 10, KeptDays: 30}},
	{"batches of 10, 2 % invalid, 2 % sent twice", cost.Traffic{Events: 30_000_000, PayloadBytes: 600, Batch: 10, Invalid: 0.02, Duplicates: 0.02, KeptDays: 30}},
	{"one at a time, all good", cost.Traffic{Events: 1_000_000, PayloadBytes: 600, Batch: 1, KeptDays: 30}},
}

// rows are its rows: the lines whose names begin so are one.
var rows = []struct{ name, lines string }{
	{"DynamoDB: writes, and reads to compare", "DynamoDB: (write|reads)"},
	{"SQS: send, receive, delete, return", "SQS: "},
	{"Lambda", "Lambda: "},
	{"CloudWatch Logs", "CloudWatch Logs"},
	{"DynamoDB: storage for 30 days", "DynamoDB: storage"},
	{"DynamoDB: point-in-time recovery as long", "DynamoDB: point"},
	{"X-Ray", "X-Ray"},
}

// readmeTables are the tables of the README's part about costs.
func readmeTables() (events, month string) {
	var cells [][]string
	add := func(row ...string) { cells = append(cells, row) }
	head, line, all := []string{"$ for a million stored events"}, []string{"---"}, []string{"**together**"}
	number, whole := []string{"events a month"}, []string{"**$ a month**, with what there is in any case"}
	table := make([][]string, len(rows))
	for r := range rows {
		table[r] = []string{rows[r].name}
	}
	for _, c := range columns {
		m := cost.MonthOf(c.traffic)
		sum := 0.
		for r := range rows {
			dollars := 0.
			for _, l := range append(m.Bill.Lines, m.Bill.Beside...) {
				if regexp.MustCompile("^" + rows[r].lines).MatchString(l.Name) {
					shown(&dollars, l.PerMillion, 3) // as cost.sh shows them
				}
			}
			table[r] = append(table[r], shown(&sum, dollars, 3))
		}
		month := 0.
		for _, l := range slices.Concat(m.Bill.Lines, m.Bill.Beside, m.Fixed) {
			shown(&month, l.Dollars, 2)
		}
		head, line, all = append(head, c.name), append(line, "---:"), append(all, "**"+fixed(sum, 3)+"**")
		number, whole = append(number, fmt.Sprintf("%d million", c.traffic.Events/1e6)), append(whole, fixed(month, 2))
	}
	add(head...)
	add(line...)
	cells = append(cells, table...)
	add(all...)
	add(number...)
	add(whole...)
	events = markdown(cells)

	cells = [][]string{{"$ a month, in any case", ""}, {"---", "---:"}}
	sum := 0.
	for _, l := range cost.MonthOf(columns[0].traffic).Fixed {
		name := l.Name
		if l.Unit == "metrics" {
			name = fmt.Sprintf("%s (%.0f)", name, l.Quantity)
		}
		add(name, shown(&sum, l.Dollars, 2))
	}
	add("**together**", "**"+fixed(sum, 2)+"**")
	return events, markdown(cells)
}

func markdown(cells [][]string) string {
	var b strings.Builder
	for _, row := range cells {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// TestREADME holds the README's figures against what internal/cost computes today.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	events, month := readmeTables()
	for _, table := range []string{events, month} {
		if !strings.Contains(string(readme), table) {
			t.Errorf("README.md lacks this table of today's figures:\n%s", table)
		}
	}
}

// TestTheTablesAddUp as they are printed, to the last digit.
func TestTheTablesAddUp(t *testing.T) {
	for _, c := range columns {
		var out strings.Builder
		m := cost.MonthOf(c.traffic)
		if err := print(&out, &m); err != nil {
			t.Fatal(err)
		}
		var million, month int // thousandths and cents
		for _, line := range strings.Split(out.String(), "\n")[3:] {
			fields := regexp.MustCompile(`  +`).Split(strings.TrimSpace(line), -1)
			cents := digits(fields[len(fields)-1])
			switch fields[0] {
			case "the events":
				if got := digits(fields[1]); got != million || cents != month {
					t.Errorf("%s: the lines add up to %d and %d:\n%s", c.name, million, month, out.String())
				}
			case "together":
				if cents != month {
					t.Errorf("%s: the lines add up to %d:\n%s", c.name, month, out.String())
				}
				million = -1
			default:
				if million >= 0 && len(fields) == 4 {
					million += digits(fields[2])
				}
				month += cents
			}
		}
		if million != -1 {
			t.Errorf("%s: there is no sum:\n%s", c.name, out.String())
		}
	}
}

// digits reads 1,234.50 as 123450; what is no number is 0.
func digits(text string) int {
	n, _ := strconv.Atoi(strings.NewReplacer(".", "", ",", "").Replace(text))
	return n
}

// TestTemplate holds what a month's bill takes for granted against the template and the metrics that are written.
func TestTemplate(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]struct {
			Default any `yaml:"Default"`
		} `yaml:"Parameters"`
		Resources map[string]struct {
			Type       string         `yaml:"Type"`
			Properties map[string]any `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	of := func(value any) any { // a parameter's default
		if name, ok := value.(string); ok {
			return template.Parameters[name].Default
		}
		return value
	}
	alarmMetrics, dashboards, encrypted := 0, 0, 0
	for _, r := range template.Resources {
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			alarmMetrics++
			if metrics, ok := r.Properties["Metrics"].([]any); ok {
				alarmMetrics += len(metrics) - 2 // the expression is none, and one is counted
			}
		case "AWS::CloudWatch::Dashboard":
			dashboards++
		case "AWS::DynamoDB::Table":
			if sse, ok := r.Properties["SSESpecification"].(map[string]any); ok && sse["SSEEnabled"] == true {
				encrypted++
			}
		}
	}
	redrive, _ := template.Resources["EventQueue"].Properties["RedrivePolicy"].(map[string]any)
	for name, tt := range map[string]struct{ got, want any }{
		"MaxReceives":   {cost.MaxReceives, of(redrive["maxReceiveCount"])},
		"MemoryMB":      {cost.MemoryMB, of(template.Resources["ProcessorFunction"].Properties["MemorySize"])},
		"AlarmMetrics":  {cost.AlarmMetrics, alarmMetrics},
		"Dashboards":    {cost.Dashboards, dashboards},
		"Tables":        {cost.Tables, encrypted},
		"ReasonMetrics": {cost.ReasonMetrics, len(event.PermanentReasons)},
		"SteadyMetrics": {cost.SteadyMetrics, len(emf.Metrics()) - len(event.PermanentReasons) - len(event.TransientReasons)},
	} {
		if tt.got != tt.want {
			t.Errorf("internal/cost has %s %v, where it is %v: change it there, and the README's tables", name, tt.got, tt.want)
		}
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, &options{Events: 1000, Payload: 600, Batch: 10, Retention: 30, JSON: true}); err != nil {
		t.Fatal(err)
	}
	var got cost.Month
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Dollars <= 0 || got.Traffic.Events != 1000 || len(got.Bill.Lines) == 0 || len(got.Fixed) == 0 {
		t.Errorf("got %+v %v", got, err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	err := run(new(bytes.Buffer), &options{Events: 0, Payload: 1, Batch: 0.5, Invalid: 2, Retention: 3})
	for _, want := range []string{"--events-per-month", "--payload", "--batch", "--invalid", "--retention"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
}

// TestHelpKnowsTheWriteUnit by what internal/cost says of payloads around it.
func TestHelpKnowsTheWriteUnit(t *testing.T) {
	units := func(bytes int) int { return cost.Traffic{Events: 1, PayloadBytes: bytes, Batch: 1}.Usage().ItemUnits }
	if units(663) != 1 || units(664) != 2 {
		t.Errorf("663 bytes are %d units and 664 are %d: change --payload's help", units(663), units(664))
	}
}
