// Package browsertest starts a headless Chromium for tests that look at a page.
package browsertest

import (
	"context"
	_ "embed"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// Contrast is a script that lists the texts of a page whose contrast is too low to be read.
//
//go:embed contrast.js
var Contrast string

// Start starts a Chromium that ends with the test, or skips the test where there is none or the run is a short one.
func Start(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("A page in a browser takes seconds: not in a short run.")
	}
	path := os.Getenv("CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path != "" {
			break
		}
		path, _ = exec.LookPath(name)
	}
	if path == "" {
		t.Skip("No Chromium here: install one, or name one in the variable CHROMIUM, to see the page in a browser.")
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits for its end: its folder is removed next
			t.Logf("end the browser: %v", err)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}
