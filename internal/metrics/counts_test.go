package metrics

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"event-processor/internal/emf"
	"event-processor/internal/event"
)

func configOf(t *testing.T, answer http.HandlerFunc) aws.Config {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// TestTheMetricsAreThoseThatAreWritten holds the names against what the processor writes.
func TestTheMetricsAreThoseThatAreWritten(t *testing.T) {
	if namespace != emf.Namespace || dimension != emf.Dimension {
		t.Errorf("read from %s by %s, written to %s by %s", namespace, dimension, emf.Namespace, emf.Dimension)
	}
	for _, outcome := range event.Outcomes {
		if !slices.ContainsFunc(emf.Metrics(), func(m emf.Metric) bool { return m.Name == series[outcome] }) {
			t.Errorf("%s: nobody writes %q", outcome, series[outcome])
		}
	}
}

func TestMinutes(t *testing.T) {
	asked, status := 0, http.StatusOK
	result := func(id string, values ...string) string {
		var times, numbers string
		for _, v := range values {
			minute, n, _ := strings.Cut(v, "=")
			times += "<member>2026-11-24T06:" + minute + ":00Z</member>"
			numbers += "<member>" + n + "</member>"
		}
		return "<member><Id>" + id + "</Id><Timestamps>" + times + "</Timestamps><Values>" + numbers + "</Values></member>"
	}
	counts := NewCounts(configOf(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		for name, want := range map[string]string{
			"Action": "GetMetricData", "MetricDataQueries.member.3.MetricStat.Metric.MetricName": "EventsRejected",
			"MetricDataQueries.member.3.MetricStat.Metric.Dimensions.member.1.Value": "event-processor",
			"MetricDataQueries.member.3.MetricStat.Stat":                             "Sum", "MetricDataQueries.member.3.MetricStat.Period": "60",
		} {
			if got := r.FormValue(name); got != want {
				t.Errorf("got %s %q, want %q", name, got, want)
			}
		}
		w.WriteHeader(status)
		results, more := result("m0", "03=5.0", "01=2.0")+result("m2", "01=1.0"), "<NextToken>more</NextToken>"
		if r.FormValue("NextToken") == "more" {
			results, more = result("m0", "04=7.0")+result("m3", "04=0.0")+result("other", "04=1.0"), ""
		}
		_, _ = fmt.Fprintf(w, `<GetMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><GetMetricDataResult>
			<MetricDataResults>%s</MetricDataResults>%s</GetMetricDataResult></GetMetricDataResponse>`, results, more)
	}), "event-processor")
	status = http.StatusForbidden
	if _, err := counts.Minutes(t.Context(), time.Hour); err == nil {
		t.Error("got no error where it is refused")
	}
	status = http.StatusOK
	at := func(minute int) time.Time { return time.Date(2026, 11, 24, 6, minute, 0, 0, time.UTC) }
	want := map[time.Time]map[event.Outcome]int{
		at(1): {event.Stored: 2, event.Rejected: 1}, at(3): {event.Stored: 5}, at(4): {event.Stored: 7},
	}
	for range 2 {
		got, err := counts.Minutes(t.Context(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
	if asked != 3 { // once in vain, then two pages
		t.Errorf("asked %d times, want an answer to serve for a minute", asked)
	}
	counts.askedAt = counts.askedAt.Add(-publishedEvery)
	if _, err := counts.Minutes(t.Context(), time.Hour); err != nil || asked != 5 {
		t.Errorf("asked %d times after a minute, %v", asked, err)
	}
}

// group is a log that cuts an answer and says so with a token, or not.
type group struct {
	t     *testing.T
	lines int // one each millisecond
	token bool
	err   bool // of the second answer
	calls int
}

func (g *group) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.calls++
	var in struct {
		LogGroupName, FilterPattern, NextToken string
		StartTime, EndTime                     int
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.LogGroupName != "/aws/lambda/p" || in.FilterPattern != "pattern" || in.EndTime != 50_000 {
		g.t.Errorf("%v: %+v", err, in)
	}
	if g.err && g.calls > 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	from := in.StartTime
	if in.NextToken != "" {
		_, _ = fmt.Sscan(in.NextToken, &from)
	}
	events := []map[string]any{}
	for at := from; at < g.lines && len(events) < fullPage; at++ {
		events = append(events, map[string]any{"timestamp": at, "message": fmt.Sprint("line ", at)})
	}
	out := map[string]any{"events": events}
	if g.token && len(events) == fullPage {
		out["nextToken"] = fmt.Sprint(from + fullPage)
	}
	text, _ := json.Marshal(out)
	_, _ = w.Write(text)
}

func TestSearch(t *testing.T) {
	for name, tt := range map[string]struct {
		group group
		lines int
		err   bool
	}{
		"no line":                       {group: group{}},
		"one page":                      {group: group{lines: 100}, lines: 100},
		"pages":                         {group: group{lines: 25_000, token: true}, lines: 25_000},
		"a cloud that only cuts":        {group: group{lines: 25_000}, lines: 25_000},
		"a page is shown, then no more": {group: group{lines: 25_000, token: true, err: true}, lines: fullPage, err: true},
	} {
		t.Run(name, func(t *testing.T) {
			tt.group.t = t
			seen := map[string]bool{}
			err := NewLog(configOf(t, tt.group.ServeHTTP), "/aws/lambda/p").Search(t.Context(), "pattern", time.UnixMilli(0), time.UnixMilli(50_000),
				func(at time.Time, line string) {
					if fmt.Sprint("line ", at.UnixMilli()) != line {
						t.Fatalf("%s at %s", line, at)
					}
					seen[line] = true
				})
			if len(seen) != tt.lines || (err != nil) != tt.err {
				t.Errorf("got %d lines, %v, want %d", len(seen), err, tt.lines)
			}
		})
	}
}
