package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	gocmp "github.com/google/go-cmp/cmp"

	"event-processor/internal/browsertest"
	"event-processor/internal/event"
)

// prefix stands before every path, as at a local cloud's function URL.
const prefix = "/_aws/lambda-url/abc123"

// browser is a headless Chromium.
type browser struct{ ctx context.Context }

func startBrowser(t *testing.T) browser {
	t.Helper()
	return browser{browsertest.Start(t)}
}

// site serves the page of a cloud under the prefix. Every request looks anew: a test need not wait five seconds.
func site(cloud *fakeCloud, stage string) http.Handler {
	return http.StripPrefix(prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "" {
			r.URL.Path = "/" // as a local cloud does
		}
		New(cloud.parts(), deployed(stage, "1.4.2")).ServeHTTP(w, r)
	}))
}

// view is how somebody looks at the page.
type view struct {
	width      int64 // CSS pixels; 1000 where it is 0
	dark, noJS bool
}

// tab is an open page.
type tab struct {
	t     *testing.T
	ctx   context.Context
	width int64

	mu       sync.Mutex
	faults   []string // errors on the console, exceptions, violations of the Content-Security-Policy
	requests []string
}

// open opens a page in a tab of its own, which closes with the test.
func (b browser) open(t *testing.T, url string, v view) *tab {
	t.Helper()
	p := &tab{t: t, width: cmp.Or(v.width, 1000)}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithListener(p.listen))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // opens the tab, for as long as ctx
		t.Fatal(err)
	}
	p.ctx = ctx
	if deadline, ok := t.Deadline(); ok {
		p.ctx, cancel = context.WithDeadline(ctx, deadline.Add(-10*time.Second))
		t.Cleanup(cancel)
	}
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	call(p, cdplog.Enable, cdp.Empty{})
	call(p, network.Enable, network.EnableParams{})
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.noJS})
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: p.width, Height: 800, DeviceScaleFactor: 1, Mobile: v.width != 0,
	})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	p.do(chromedp.Navigate(url))
	return p
}

func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *cdplog.EventEntryAdded:
		if e.Entry.Source != cdplog.EntrySourceNetwork { // a 503 and a server that is away are what some tests want
			p.faults = append(p.faults, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		p.faults = append(p.faults, fmt.Sprintf("console.%s was called", e.Type))
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

// eval evaluates an expression, on a page without JavaScript too.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until a condition in JavaScript holds, for as long as the page changes and a minute more.
func (p *tab) wait(condition string) {
	p.t.Helper()
	changed, last := time.Now(), ""
	for !eval[bool](p, condition) {
		if text := p.text("body"); text != last {
			changed, last = time.Now(), text
		}
		if time.Since(changed) > time.Minute {
			p.t.Fatalf("%s does not become true; the page says: %s", condition, last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ask makes the page ask now, and waits until it has the answer.
func (p *tab) ask(condition string) {
	p.t.Helper()
	eval[bool](p, `document.dispatchEvent(new Event("visibilitychange"))`)
	p.wait(condition)
}

// polled is true as soon as the script has an answer.
const polled = `document.getElementById("pace").textContent.includes("and again")`

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector(%q).innerText.replace(/\s+/g, " ").trim()`, selector))
}

// wellMade asserts what holds in every state.
func (p *tab) wellMade(url string) {
	p.t.Helper()
	eval[bool](p, `document.querySelectorAll("details").forEach((node) => (node.open = true)) ?? true`)
	// Not innerWidth: a phone's grows with what is in it.
	if wide := eval[int64](p, `document.documentElement.scrollWidth`); wide > p.width {
		p.t.Errorf("the page is %d px wide in a window of %d px", wide, p.width)
	}
	if faint := eval[[]string](p, browsertest.Contrast); len(faint) > 0 {
		p.t.Errorf("text with a contrast below 4.5: %s", strings.Join(faint, "; "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) > 0 {
		p.t.Errorf("the browser complains: %s", strings.Join(p.faults, "; "))
	}
	for _, request := range p.requests {
		if !strings.HasPrefix(request, url) && !strings.HasPrefix(request, "data:") {
			p.t.Errorf("the page asked for %s", request)
		}
	}
}

// shoot writes a screenshot of the whole page into the folder SCREENSHOTS, or into one that nobody keeps.
func (p *tab) shoot(name string) {
	p.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		folder = p.t.TempDir()
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// The clouds that the page is seen with.
func wellCloud() *fakeCloud {
	cloud := newFakeCloud()
	for i := range 27 {
		cloud.batch(time.Duration(i+1)*time.Minute, 40+i*i*37%61, i%3, 0, 0)
	}
	cloud.waiting, cloud.inFlight, cloud.oldest = 128, 40, 2*time.Second
	cloud.before = func(_ context.Context, part string) {
		if part != "line" {
			time.Sleep(time.Duration(len(part)*len(part)) * time.Millisecond / 3)
		}
	}
	return cloud
}

func attentionCloud() *fakeCloud {
	cloud := wellCloud()
	cloud.waiting, cloud.inFlight, cloud.dead, cloud.oldest, cloud.oldestDead = 12345, 100, 220, 425*time.Second, 75*time.Hour
	for i := range 9 {
		cloud.dies(9*time.Minute, fmt.Sprint("a", i), "client-002", event.PermanentReasons[i%4])
		cloud.dies(3*time.Hour, fmt.Sprint("b", i), "client-002", event.UnknownClient)
	}
	cloud.dies(2*time.Minute, "c1", strings.Repeat("a-client-with-a-long-name", 4), event.UnknownEventVersion)
	cloud.dies(2*time.Minute, "c2", strings.Repeat("a-client-with-a-long-name", 4), event.SenderNotAllowed)
	cloud.dies(time.Minute, "d", "?", event.MalformedJSON)
	cloud.record(time.Minute, "e", "client-001", event.StoreThrottled, 1)
	cloud.batch(time.Minute, 0, 0, 0, 30)
	return cloud
}

func deafCloud() *fakeCloud {
	cloud := newFakeCloud()
	cloud.dead = 220
	cloud.broken["log"], cloud.broken["metrics"] = errors.New("refused"), errors.New("refused")
	return cloud
}

func illCloud() *fakeCloud {
	cloud := attentionCloud()
	cloud.broken["events"] = &smithy.GenericAPIError{Code: "ResourceNotFoundException"}
	cloud.broken["queue"] = &net.OpError{Op: "dial", Err: errors.New("refused")}
	cloud.state["mapping"] = "Disabled"
	return cloud
}

func TestPageInABrowser(t *testing.T) {
	chromium := startBrowser(t)
	for name, tt := range map[string]struct {
		cloud *fakeCloud
		stage string
		state string
		texts map[string]string // selector → a part of its text
	}{
		"healthy": {wellCloud(), "production", "healthy", map[string]string{
			"h1": "Event Processor status", "#headline": "Everything is working.", "header": "production · last deployed version 1.4.2",
			"#queueDepth": "128", "#inFlight": "40", "#oldestAgeSeconds": "2 s", "#deadLetters": "0",
			"#queue": "Queue Working", "#mapping": "Event source mapping Working", "#deadLetterQueue": "Dead-letter queue Working",
			"#clientsTable": "Clients table Working", "#eventsTable": "Events table Working",
			"#last": "Last event ", "#errors": "0 % errors: 0 rejected and 0 failed of ", "#source": "by the processor's log",
			"#stored-total": ", at most 99 in one", "#failed-total": "0", "#rejecting-none": "No message was rejected.",
			".places": "Dashboard event-processor, in CloudWatch", "#checked": " UTC",
		}},
		"healthy-local": {newFakeCloud(), "local", "healthy", map[string]string{
			"#oldestAgeSeconds": "none", "#queueDepth": "0", "#last": "No event in the last 24 hours.", "#errors": "Nothing came in the last half hour.",
			".places": "Log of the processor /aws/lambda/event-processor ./scripts/logs.sh processor",
		}},
		"attention": {attentionCloud(), "production", "attention", map[string]string{
			"#headline": "The oldest message has waited for 7 min; 220 dead letters, 12 of them new.", "#queueDepth": "12,345", "#oldestAgeSeconds": "7 min",
			"#steps": "Urgent. The oldest message has waited for 7 min. See what the processor says. STAGE=production ./scripts/logs.sh 220 dead letters wait",
			"#since": " at the latest.", "#rejected-total": "12, at most 9 in one",
			"#clients": "client-002 malformed_json 3, event_too_large 2",
			"#died":    "unknown_client 0 9", "#died-note": "220 in the queue, the oldest for 3 d.",
		}},
		"attention-without-log": {deafCloud(), "production", "attention", map[string]string{
			"#headline": "220 dead letters.", "#last": "When the last event came is not known.", "#errors": "Not known: neither metrics nor the log",
			"#rejecting-none": "Not known: the log could not be read in time.", "#died-note": "Their reasons are not known",
		}},
		"unhealthy": {illCloud(), "production", "unhealthy", map[string]string{
			"#headline": "The queue, event source mapping and events table are not working.", "#queueDepth": "not known", "#queue": "Queue Unreachable",
			"#eventsTable": "Events table Not found", "#mapping": "Event source mapping State is disabled",
			"#steps": "Not found: the events table. Somebody deleted it, and no deployment notices. See what is gone; a table comes back from its backup. aws cloudformation detect-stack-drift",
		}},
		"unhealthy-local": {illCloud(), "local", "unhealthy", map[string]string{
			"#headline": "The queue and events table are not working.", "#mapping": "State is disabled (not counted)",
			"#steps": "./scripts/setup-localstack.sh status",
		}},
	} {
		for look, v := range map[string]view{
			"light": {}, "dark": {dark: true}, "320px": {width: 320}, "320px-dark": {width: 320, dark: true}, "no-javascript": {noJS: true},
		} {
			t.Run(name+"-"+look, func(t *testing.T) {
				server := httptest.NewServer(site(tt.cloud, tt.stage))
				defer server.Close()
				url := server.URL + prefix + "/"
				p := chromium.open(t, url, v)
				if !v.noJS {
					p.wait(polled)
				}
				if got := eval[string](p, `document.documentElement.dataset.state`); got != tt.state {
					t.Errorf("got state %q, want %q", got, tt.state)
				}
				for selector, want := range tt.texts {
					if got := p.text(selector); !strings.Contains(got, want) {
						t.Errorf("%s says %q, want it to hold %q", selector, got, want)
					}
				}
				if title, headline := eval[string](p, `document.title`), p.text("#headline"); title != headline+" · Event Processor" {
					t.Errorf("got title %q, want the headline %q first", title, headline)
				}
				if shown := eval[bool](p, `document.getElementById("next").checkVisibility()`); shown != (tt.state != "healthy") {
					t.Errorf("what to do next is shown: %v", shown)
				}
				p.wellMade(url)
				p.shoot(name + "-" + look)
			})
		}
	}
}

// TestTheScriptWritesWhatTheServerWrites compares the page before and after the script has rewritten all of it.
func TestTheScriptWritesWhatTheServerWrites(t *testing.T) {
	chromium := startBrowser(t)
	yesterday := wellCloud()
	yesterday.lines = nil
	yesterday.batch(23*time.Hour, 1, 0, 0, 0)
	for name, cloud := range map[string]*fakeCloud{
		"healthy": wellCloud(), "attention": attentionCloud(), "unhealthy": illCloud(), "deaf": deafCloud(), "empty": newFakeCloud(), "yesterday": yesterday,
	} {
		t.Run(name, func(t *testing.T) {
			var report atomic.Pointer[Report] // that every answer has: no time passes
			report.Store(New(cloud.parts(), deployed("local", "1.4.2")).Report(t.Context()))
			server := httptest.NewServer(http.StripPrefix(prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				(&Health{last: report.Load(), lookedAt: time.Now().Round(0), deployed: deployed("local", "1.4.2")}).ServeHTTP(w, r)
			})))
			defer server.Close()
			// What is shown, and whether the parts are that may be hidden.
			const read = `[...document.querySelectorAll("h1, .headline, .last, #since, .steps li, section, dt, dd:not(.spark, .bars), tr, table, .foot, #errors, #flow, #source, .axis span, .bar, #version, #checked")].filter(
				(node) => !node.parentElement.closest("[hidden]")).map(
				(node) => [node.id, node.className.baseVal ?? node.className, node.hidden, node.dataset.verdict ?? "", node.getAttribute("d"),
					node.hidden || node.matches("section, #flow, table") ? "" : node.textContent.replace(/\s+/g, "")].join("|"))`
			before := chromium.open(t, server.URL+prefix+"/", view{noJS: true})
			after := chromium.open(t, server.URL+prefix+"/", view{})
			after.wait(polled)
			// Something else first, so that the script must write every word.
			first := report.Load()
			other := newFakeCloud()
			other.broken = map[string]error{
				"dead": errors.New("x"), "clients": errors.New("x"), "events": errors.New("x"), "oldest": errors.New("x"),
				"metrics": errors.New("x"), "log": errors.New("x"),
			}
			if cloud.broken["log"] != nil || len(cloud.lines) == 0 {
				other.broken, other.dead = nil, 7
				other.lines, other.broken = attentionCloud().lines, map[string]error{"clients": errors.New("x")}
			}
			report.Store(New(other.parts(), deployed("local", "1.4.2")).Report(t.Context()))
			after.ask(`document.getElementById("headline").textContent.includes("not working")`)
			report.Store(first)
			want := eval[[]string](before, read)
			after.ask(fmt.Sprintf(`document.getElementById("headline").textContent === %q`, before.text("#headline")))
			if diff := gocmp.Diff(want, eval[[]string](after, read)); diff != "" {
				t.Errorf("the script writes other words (-server +script):\n%s", diff)
			}
			if len(want) < 40 {
				t.Errorf("only %d texts were compared", len(want))
			}
		})
	}
}

// TestThePageFollowsTheService: what changes is written, drawn and, where it is the state, announced.
func TestThePageFollowsTheService(t *testing.T) {
	chromium := startBrowser(t)
	cloud := wellCloud()
	server := httptest.NewServer(site(cloud, "production"))
	defer server.Close()
	p := chromium.open(t, server.URL+prefix, view{}) // without the last slash
	p.wait(polled)
	for i, waiting := range []int{300, 900, 1400, 1100, 1250, 700, 350, 90} {
		cloud.set(func(c *fakeCloud) {
			c.waiting, c.inFlight, c.oldest = waiting, 40+i*37%60, time.Duration(waiting/20)*time.Second
		})
		eval[float64](p, fmt.Sprintf(`(Date.now = () => performance.timeOrigin + %d * 25_000)()`, i+1))
		p.ask(fmt.Sprintf(`document.getElementById("queueDepth").textContent === %q`, number(waiting)))
	}
	for selector, want := range map[string]string{"#queueDepth-spark": "peak 1,400", "#oldestAgeSeconds-spark": "peak 1 min", "#window": "in the last 3 min"} {
		if got := p.text(selector); got != want {
			t.Errorf("%s says %q, want %q", selector, got, want)
		}
	}
	if points := eval[int](p, `document.querySelector("#queueDepth-spark .line").getAttribute("d").split("L").length`); points != 9 {
		t.Errorf("the sparkline has %d points, want 9", points)
	}
	p.shoot("sparklines")
	cloud.set(func(c *fakeCloud) { c.broken["clients"] = errors.New("x") })
	p.ask(`document.documentElement.dataset.state === "unhealthy"`)
	if got := p.text("[role=status][aria-live=polite]"); got != "The clients table is not working." {
		t.Errorf("announced %q", got)
	}
	if live := eval[int](p, `document.querySelectorAll("[aria-live], [role=status], [role=alert]").length`); live != 1 {
		t.Errorf("%d live regions, want the state only", live)
	}
	p.wellMade(server.URL)
}

// TestTheServiceIsAway: the page says so, keeps the last numbers marked as stale, and finds back.
func TestTheServiceIsAway(t *testing.T) {
	chromium := startBrowser(t)
	for look, v := range map[string]view{"light": {}, "dark": {dark: true}, "320px": {width: 320}} {
		t.Run(look, func(t *testing.T) {
			cloud := attentionCloud()
			server := httptest.NewServer(site(cloud, "local"))
			url := server.URL + prefix + "/"
			p := chromium.open(t, url, v)
			p.wait(polled)
			p.ask(`document.querySelector("#queueDepth-spark .line").getAttribute("d").includes("L")`)
			address := server.Listener.Addr().String()
			server.CloseClientConnections()
			server.Close()
			p.ask(`document.documentElement.dataset.state === "away"`)
			if got := p.text("#headline"); len(got) != len("No answer since 12:03:04 UTC.") || !strings.HasPrefix(got, "No answer since ") {
				t.Errorf("got headline %q", got)
			}
			for selector, want := range map[string]string{
				"#steps":                                 "Urgent. The local cloud does not answer this page. See whether it runs. ./scripts/setup-localstack.sh status",
				"#last":                                  "When the last event came is not known.",
				"#queueDepth":                            "12,345",
				"[aria-labelledby=numbers-title] .title": "Messages stale: as of the last answer",
				"[aria-labelledby=checks-title] .title":  "Checks stale: as of the last answer",
				".state p:has(#checked)":                 "asking again every 5 seconds",
			} {
				if got := p.text(selector); !strings.Contains(got, want) {
					t.Errorf("%s says %q, want it to hold %q", selector, got, want)
				}
			}
			p.wellMade(url)
			p.shoot("away-" + look)

			back := serveAt(t, address, site(cloud, "local"))
			defer back.Close()
			p.ask(`document.documentElement.dataset.state === "attention"`)
			if shown := eval[bool](p, `document.querySelector(".stale").checkVisibility()`); shown {
				t.Error("the numbers are still marked as stale")
			}
		})
	}
}

// serveAt starts a server at an address.
func serveAt(t *testing.T, address string, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()
	var err error
	if server.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address); err != nil {
		t.Fatal(err)
	}
	server.Start()
	return server
}

// TestAnAnswerThatIsNoReportIsNone: a proxy's page, or the error of a function that does not start.
func TestAnAnswerThatIsNoReportIsNone(t *testing.T) {
	chromium := startBrowser(t)
	for name, body := range map[string]string{"html": "<html>502</html>", "JSON": `{"message":"Forbidden"}`, "null": "null"} {
		t.Run(name, func(t *testing.T) {
			cloud := wellCloud()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/health") {
					_, _ = w.Write([]byte(body))
					return
				}
				site(cloud, "production").ServeHTTP(w, r)
			}))
			defer server.Close()
			p := chromium.open(t, server.URL+prefix+"/", view{})
			p.wait(`document.documentElement.dataset.state === "away"`)
			p.wellMade(server.URL)
		})
	}
}

// TestThePageIsAccessible asks the browser what it tells a screen reader, and walks with the keyboard.
func TestThePageIsAccessible(t *testing.T) {
	chromium := startBrowser(t)
	server := httptest.NewServer(site(illCloud(), "production"))
	defer server.Close()
	p := chromium.open(t, server.URL+prefix+"/", view{})
	p.wait(polled)

	headings := eval[[]string](p, `[...document.querySelectorAll("h1, h2, h3")].filter((h) => h.checkVisibility()).map((h) => h.tagName + " " + h.innerText)`)
	if want := []string{
		"H1 Event Processor status", "H2 What to do next", "H2 Events, last half hour", "H2 Messages", "H2 Dead letters, by reason and age",
		"H2 Most rejections, last half hour", "H2 Checks", "H2 Where to look further",
	}; !slices.Equal(headings, want) {
		t.Errorf("got headings %q, want %q", headings, want)
	}
	if bare := eval[int](p, `document.querySelectorAll("th:not([scope]), svg:not([aria-hidden=true]), section:not([aria-label], [aria-labelledby]), html:not([lang])").length`); bare != 0 {
		t.Errorf("%d elements lack their label or scope", bare)
	}
	// Green and red are not all: without colours the words differ.
	if same := eval[bool](p, `document.querySelector("#queue .verdict").innerText === document.querySelector("#clientsTable .verdict").innerText`); same {
		t.Error("a broken part and a well one are told apart by colour only")
	}
	if moving := eval[int](p, `[...document.querySelectorAll("*")].filter((node) => getComputedStyle(node).transitionDuration !== "0s").length`); moving != 0 {
		t.Errorf("%d elements move although the reader wants none to", moving)
	}
	for _, want := range []string{"Numbers of each minute", "health", "live"} {
		p.do(chromedp.KeyEvent("\t"))
		if got := eval[string](p, `document.activeElement.textContent`); got != want {
			t.Errorf("Tab leads to %q, want %q", got, want)
		}
		if outline := eval[string](p, `getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth`); outline != "solid3px" {
			t.Errorf("the focus is not to be seen: outline %s", outline)
		}
	}
	p.shoot("focus")
}

// TestHostileWordsStayWords: even if a version or a stage came from a stranger, it would be text.
func TestHostileWordsStayWords(t *testing.T) {
	chromium := startBrowser(t)
	const hostile = `</script><img src=x onerror="document.title='pwned'">'"&`
	server := httptest.NewServer(http.StripPrefix(prefix, New(newFakeCloud().parts(), deployed(hostile, hostile))))
	defer server.Close()
	p := chromium.open(t, server.URL+prefix+"/", view{})
	p.wait(polled)
	if got := eval[string](p, `document.getElementById("version").textContent`); got != hostile {
		t.Errorf("got version %q, want %q", got, hostile)
	}
	if n := eval[int](p, `document.querySelectorAll("img").length`); n != 0 {
		t.Errorf("the version became %d images", n)
	}
	if title := eval[string](p, `document.title`); title == "pwned" {
		t.Error("the version ran as a script")
	}
	p.wellMade(server.URL)
}
