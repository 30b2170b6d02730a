package systemtest

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"event-processor/internal/emf"
)

// The tests of this file need no deployed stack: they hold template.yaml against the code.

// object is a part of the template. Intrinsic functions are objects with their long names, such as Fn::GetAtt.
type object = map[string]any

// resource is one resource of the template.
type resource struct {
	Type       string
	Condition  string
	Properties object
}

// template reads template.yaml.
func template(t *testing.T) (globals object, resources map[string]resource) {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	// By way of JSON, which knows neither tags nor anchors.
	whole, err := json.Marshal(plain(t, root.Content[0]))
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Globals   struct{ Function object }
		Resources map[string]resource
	}
	if err := json.Unmarshal(whole, &read); err != nil {
		t.Fatal(err)
	}
	return read.Globals.Function, read.Resources
}

// plain is a node without CloudFormation's short tags: !Ref x is {"Ref": x}, !Sub x is {"Fn::Sub": x}.
func plain(t *testing.T, n *yaml.Node) any {
	t.Helper()
	if n.Kind == yaml.AliasNode {
		return plain(t, n.Alias)
	}
	var value any
	switch n.Kind {
	case yaml.MappingNode:
		object := object{}
		for i := 0; i < len(n.Content); i += 2 {
			object[n.Content[i].Value] = plain(t, n.Content[i+1])
		}
		value = object
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, plain(t, item))
		}
		value = list
	default:
		value = n.Value
		if !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
			if err := n.Decode(&value); err != nil {
				t.Fatal(err)
			}
		}
	}
	switch name := strings.TrimPrefix(n.Tag, "!"); {
	case !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!"):
		return value
	case name == "Ref" || name == "Condition":
		return object{name: value}
	default:
		return object{"Fn::" + name: value}
	}
}

// named is a metric as an alarm or a widget names it.
type named struct {
	where, namespace, name string
	dimensions             []string // names and values in turn; a value is what it refers to, such as EventDlq.QueueName
}

// refersTo is the resource, and its attribute, that a value of the template stands for.
func refersTo(value any) string {
	o, _ := value.(object)
	switch {
	case o["Ref"] != nil:
		return fmt.Sprint(o["Ref"])
	case o["Fn::GetAtt"] != nil:
		return fmt.Sprint(o["Fn::GetAtt"])
	default:
		return fmt.Sprint(value)
	}
}

// metric reads the metric of an alarm, or of a query of one.
func metric(where string, p object) named {
	m := named{where: where, namespace: fmt.Sprint(p["Namespace"]), name: fmt.Sprint(p["MetricName"])}
	dimensions, _ := p["Dimensions"].([]any)
	for _, d := range dimensions {
		m.dimensions = append(m.dimensions, fmt.Sprint(d.(object)["Name"]), refersTo(d.(object)["Value"]))
	}
	return m
}

func alarmMetrics(resources map[string]resource) (all []named) {
	for id, r := range resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		if r.Properties["MetricName"] != nil {
			all = append(all, metric(id, r.Properties))
		}
		queries, _ := r.Properties["Metrics"].([]any)
		for _, q := range queries {
			if stat, ok := q.(object)["MetricStat"].(object); ok {
				all = append(all, metric(id, stat["Metric"].(object)))
			}
		}
	}
	return all
}

// widget is a part of the dashboard.
type widget struct {
	Type       string
	X, Y       int
	Width      int
	Height     int
	Properties struct {
		Title   string
		Metrics [][]any
	}
}

func widgets(t *testing.T, resources map[string]resource) []widget {
	t.Helper()
	body, _ := resources["Dashboard"].Properties["DashboardBody"].(object)["Fn::Sub"].(string)
	var dashboard struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(body), &dashboard); err != nil {
		t.Fatalf("the dashboard's body: %v", err)
	}
	return dashboard.Widgets
}

func widgetMetrics(t *testing.T, resources map[string]resource) (all []named) {
	t.Helper()
	for _, w := range widgets(t, resources) {
		for _, row := range w.Properties.Metrics {
			if _, expression := row[0].(object); expression {
				continue
			}
			m := named{where: w.Properties.Title, namespace: fmt.Sprint(row[0]), name: fmt.Sprint(row[1])}
			for _, word := range row[2:] {
				if text, ok := word.(string); ok { // what follows is how it is drawn
					m.dimensions = append(m.dimensions, strings.Trim(text, "${}"))
				}
			}
			all = append(all, m)
		}
	}
	return all
}

// documented are the metrics of AWS that the template may name, with their dimension, as the services' manuals have
// them ("Available CloudWatch metrics for Amazon SQS", "Types of metrics for Lambda functions", "DynamoDB Metrics
// and dimensions"), and the resources that have them.
var documented = map[string]struct {
	dimension string
	values    []string
	metrics   []string
}{
	"AWS/SQS": {
		"QueueName",
		[]string{"EventQueue.QueueName", "EventDlq.QueueName"},
		[]string{"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible", "ApproximateAgeOfOldestMessage"},
	},
	"AWS/Lambda": {
		"FunctionName",
		[]string{"ProcessorFunction", "ProducerFunction", "HealthFunction"},
		[]string{"Errors", "Throttles", "Duration", "ConcurrentExecutions"},
	},
	"AWS/DynamoDB": {
		"TableName",
		[]string{"EventsTable", "ClientsTable"},
		[]string{"ConsumedWriteCapacityUnits", "WriteThrottleEvents"},
	},
}

// TestAlarmsAndWidgetsNameMetricsThatExist holds each metric against what the code emits, or AWS documents.
func TestAlarmsAndWidgetsNameMetricsThatExist(t *testing.T) {
	_, resources := template(t)
	var own []string
	for _, m := range emf.Metrics() {
		own = append(own, m.Name)
	}
	alarms, drawn := alarmMetrics(resources), widgetMetrics(t, resources)
	if len(alarms) < 10 || len(drawn) < 30 {
		t.Fatalf("only %d metrics in alarms and %d in widgets were found", len(alarms), len(drawn))
	}
	for _, m := range slices.Concat(alarms, drawn) {
		dimension, values, metrics := emf.Dimension, []string{"ProcessorFunction"}, own
		if m.namespace != emf.Namespace {
			d := documented[m.namespace]
			dimension, values, metrics = d.dimension, d.values, d.metrics
		}
		if !slices.Contains(metrics, m.name) {
			t.Errorf("%s: there is no metric %s in %s", m.where, m.name, m.namespace)
		}
		if len(m.dimensions) != 2 || m.dimensions[0] != dimension || !slices.Contains(values, m.dimensions[1]) {
			t.Errorf("%s: %s has the dimensions %q, want %s of one of %q", m.where, m.name, m.dimensions, dimension, values)
		}
	}
	shown := map[string]bool{}
	for _, m := range drawn {
		shown[m.name] = true
	}
	for _, name := range own {
		if !shown[name] {
			t.Errorf("%s is emitted and not on the dashboard", name)
		}
	}
}

// TestAlarms: none on a local cloud, each with the topic, and all that the operator relies on are there.
func TestAlarms(t *testing.T) {
	_, resources := template(t)
	watched := map[string]bool{}
	for _, m := range alarmMetrics(resources) {
		watched[m.name+" of "+m.dimensions[1]] = true
	}
	for _, want := range []string{
		"ApproximateNumberOfMessagesVisible of EventDlq.QueueName", "ApproximateAgeOfOldestMessage of EventQueue.QueueName",
		"Errors of ProcessorFunction", "Throttles of ProcessorFunction", "Duration of ProcessorFunction",
		"EventAge of ProcessorFunction", "EventsRejected of ProcessorFunction",
	} {
		if !watched[want] {
			t.Errorf("no alarm watches %s", want)
		}
	}
	for id, r := range resources {
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			for _, actions := range []string{"AlarmActions", "OKActions"} {
				if text := fmt.Sprint(r.Properties[actions]); !strings.Contains(text, "AlarmTopicArn") {
					t.Errorf("%s: %s is %s, want the topic", id, actions, text)
				}
			}
			if r.Properties["AlarmDescription"] == nil || r.Properties["TreatMissingData"] != "notBreaching" {
				t.Errorf("%s says not what to do, or what no data means", id)
			}
		case "AWS::CloudWatch::Dashboard", "AWS::Logs::QueryDefinition":
		default:
			continue
		}
		if r.Condition != "NotLocal" {
			t.Errorf("%s has the condition %q, want NotLocal: a local cloud has no such thing", id, r.Condition)
		}
	}
}

func TestWidgetsDoNotOverlap(t *testing.T) {
	_, resources := template(t)
	taken := map[[2]int]string{}
	for _, w := range widgets(t, resources) {
		if w.X+w.Width > 24 || w.Width == 0 || w.Height == 0 {
			t.Errorf("%q is outside of the grid", w.Properties.Title)
		}
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%q lies over %q", w.Properties.Title, other)
				}
				taken[[2]int{x, y}] = w.Properties.Title
			}
		}
	}
}

// TestQueriesAskForFieldsThatExist holds the fields of the saved queries against those of the log lines.
func TestQueriesAskForFieldsThatExist(t *testing.T) {
	fields := append(ownMetricNames(), strings.Fields(`
		@timestamp @message message requestId correlation_id message_id client_id event_id event_type outcome reason detail
		receive_count duration_ms records stored duplicate rejected failed`)...)
	words := strings.Fields(`filter and fields sort desc limit stats by as bin(5m) ispresent count_distinct earliest latest sum jsonParse unnest into
		line client messages since last clients 50 5m bin`)
	_, resources := template(t)
	n := 0
	word := regexp.MustCompile(`[@A-Za-z_0-9]+`)
	quoted := regexp.MustCompile(`"[^"]*"`)
	for id, r := range resources {
		if r.Type != "AWS::Logs::QueryDefinition" {
			continue
		}
		n++
		for _, w := range word.FindAllString(quoted.ReplaceAllString(fmt.Sprint(r.Properties["QueryString"]), ""), -1) {
			if !slices.Contains(fields, w) && !slices.Contains(words, w) {
				t.Errorf("%s asks for %q", id, w)
			}
		}
	}
	if n < 4 {
		t.Errorf("%d queries", n)
	}
}

func ownMetricNames() (names []string) {
	for _, m := range emf.Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// wide are the actions for which AWS knows no narrower resource than all, by the Service Authorization Reference.
var wide = []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords", "cloudwatch:GetMetricStatistics", "cloudwatch:GetMetricData"}

func TestNoRoleHasMoreThanItNeeds(t *testing.T) {
	_, resources := template(t)
	statements := 0
	for id, r := range resources {
		if r.Type != "AWS::IAM::Role" {
			continue
		}
		if r.Properties["ManagedPolicyArns"] != nil {
			t.Errorf("%s takes over what others wrote", id)
		}
		for _, policy := range r.Properties["Policies"].([]any) {
			for _, s := range policy.(object)["PolicyDocument"].(object)["Statement"].([]any) {
				s := s.(object)
				if choice, ok := s["Fn::If"].([]any); ok {
					s = choice[1].(object)
				}
				statements++
				for _, action := range list(s["Action"]) {
					if strings.Contains(fmt.Sprint(action), "*") {
						t.Errorf("%s, %s: action %s", id, s["Sid"], action)
					}
					for _, on := range list(s["Resource"]) {
						if strings.Contains(fmt.Sprint(on), "*") && !slices.Contains(wide, fmt.Sprint(action)) {
							t.Errorf("%s, %s: %s on %v", id, s["Sid"], action, on)
						}
					}
				}
				if s["NotAction"] != nil || s["NotResource"] != nil || s["Resource"] == nil {
					t.Errorf("%s, %s says what it does not mean", id, s["Sid"])
				}
			}
		}
	}
	if statements < 10 {
		t.Errorf("only %d statements were found", statements)
	}
}

// TestHealthReadsOneLogOnly: the processor's, and names the dashboard that there is.
func TestHealthReadsOneLogOnly(t *testing.T) {
	_, resources := template(t)
	found := false
	for _, policy := range resources["HealthRole"].Properties["Policies"].([]any) {
		for _, s := range policy.(object)["PolicyDocument"].(object)["Statement"].([]any) {
			if s := s.(object); slices.Contains(list(s["Action"]), any("logs:FilterLogEvents")) {
				found = true
				if on := refersTo(s["Resource"]); on != "ProcessorLogs.Arn" || len(list(s["Action"])) != 1 {
					t.Errorf("%v on %s, want only to read the processor's log", s["Action"], on)
				}
			}
		}
	}
	if !found {
		t.Error("the health function may not read the processor's log")
	}
	variables := resources["HealthFunction"].Properties["Environment"].(object)["Variables"].(object)
	if choice := variables["DASHBOARD"].(object)["Fn::If"].([]any); choice[0] != "IsLocal" || choice[1] != "" ||
		!reflect.DeepEqual(choice[2], resources["Dashboard"].Properties["DashboardName"]) {
		t.Errorf("the page names the dashboard %v", choice)
	}
	if processor := refersTo(variables["PROCESSOR_FUNCTION"]); processor != "ProcessorFunction" {
		t.Errorf("the metrics are those of %s", processor)
	}
	if group := resources["ProcessorLogs"].Properties["LogGroupName"].(object)["Fn::Sub"]; group != "/aws/lambda/${NamePrefix}event-processor" {
		t.Errorf("the log is %v, and the health function reads the one of the function's name", group)
	}
}

func list(value any) []any {
	if items, ok := value.([]any); ok {
		return items
	}
	return []any{value}
}

// librariesRead are variables that no settings read, but what the functions are made of.
var librariesRead = []string{
	"AWS_LAMBDA_LOG_FORMAT", // aws-lambda-go's logger
	"AWS_XRAY_SDK_DISABLED", // X-Ray's SDK
	"GOGC", "GOMEMLIMIT",    // Go's runtime
}

// TestEveryVariableIsReadAndEverySettingIsSet holds the environment of each function against its settings.
func TestEveryVariableIsReadAndEverySettingIsSet(t *testing.T) {
	globals, resources := template(t)
	variables := func(function object) []string {
		environment, _ := function["Environment"].(object)
		set, _ := environment["Variables"].(object)
		return slices.Collect(maps.Keys(set))
	}
	for _, name := range []string{"processor", "producer", "health"} {
		id := strings.ToUpper(name[:1]) + name[1:] + "Function"
		set := slices.Concat(variables(resources[id].Properties), variables(globals))
		read := settingsOf(t, "../../functions/"+name+"/main.go")
		if len(read) < 5 || len(set) < 5 {
			t.Fatalf("%s: %d settings and %d variables were found", id, len(read), len(set))
		}
		for _, v := range set {
			if !slices.Contains(read, v) && !slices.Contains(librariesRead, v) {
				t.Errorf("%s is given %s, and nobody reads it", id, v)
			}
		}
		for _, v := range read {
			if !slices.Contains(set, v) {
				t.Errorf("functions/%s reads %s, and template.yaml does not set it", name, v)
			}
		}
	}
}

// settingsOf are the names of the variables in the tags of a main's settings.
func settingsOf(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || field.Tag == nil {
			return true
		}
		if tag, ok := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Lookup("env"); ok {
			name, _, _ := strings.Cut(tag, ",")
			names = append(names, name)
		}
		return true
	})
	return names
}

// TestTimesFitTogether: what depends on the processor's timeout, and on how often a message is received.
func TestTimesFitTogether(t *testing.T) {
	_, resources := template(t)
	number := func(id, property string) float64 {
		n, ok := resources[id].Properties[property].(float64)
		if !ok {
			t.Fatalf("%s has no number %s", id, property)
		}
		return n
	}
	timeout := number("ProcessorFunction", "Timeout")
	if got := number("EventQueue", "VisibilityTimeout"); got != 6*timeout {
		t.Errorf("messages are invisible for %v s, want six times the timeout of %v s", got, timeout)
	}
	if got := number("ProcessorDurationAlarm", "Threshold"); got < 700*timeout || got > 930*timeout {
		t.Errorf("the alarm on duration is at %v ms, want it near the timeout of %v s, and before the processor stops by itself", got, timeout)
	}
	redrive := resources["EventQueue"].Properties["RedrivePolicy"].(object)
	receives := fmt.Sprintf("rejected / %v)", redrive["maxReceiveCount"])
	expression := fmt.Sprint(resources["RejectedShareAlarm"].Properties["Metrics"].([]any)[0].(object)["Expression"])
	if strings.Count(expression, receives) != 3 {
		t.Errorf("the share of rejected messages is %s, want each of them counted once by %s", expression, receives)
	}
	body := fmt.Sprint(resources["Dashboard"].Properties["DashboardBody"])
	if !strings.Contains(body, expression) {
		t.Error("the dashboard shows another share of rejected messages than the alarm watches")
	}
}
