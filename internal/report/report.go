// Package report shows a load test to people: one HTML page with figures, charts and tables that needs nothing
// beside itself, so that it opens without a network and can be sent as it is.
package report

import (
	_ "embed" // the page's parts
	"html/template"
	"io"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string

	page = template.Must(template.New("page").Funcs(template.FuncMap{
		"svg": svg, "style": func() template.CSS { return template.CSS(pageCSS) }, // ours, embedded
		"percent": func(share float64) float64 { return 100 * min(max(share, 0), 1) },
		"numbers": func(columns []string) int { return len(columns) - 1 }, // all but the first, which is words
	}).Parse(pageHTML))
)

// Report is what there is to show, in words and numbers that are written for people already.
type Report struct {
	About    string   // which test of what, and when
	Good     bool     // the verdict is the one that was hoped for
	Verdict  string   // in one sentence
	Detail   []string // more sentences
	Figures  []Figure // the few that matter most
	Sections []Section
}

// Figure is a number that is shown large.
type Figure struct{ Name, Value, Unit, Note string }

// Section is a part of the page; what it does not have is left out.
type Section struct {
	Title, Text string
	Chart       *Chart
	Table       *Table
	Notes       []string
}

// Table is a table whose first column is words and whose others are numbers.
type Table struct {
	Columns []string
	Rows    []Row
}

// Row is a row of a table.
type Row struct {
	Cells []string
	Bar   *float64 // drawn under the first cell, as a share of the whole, 0–1; nil is none
	Kind  Kind
}

// Kind says how a row is meant.
type Kind string

// The kinds of rows; "" is a plain one.
const (
	Sum  Kind = "sum"  // of the rows above
	Part Kind = "part" // of the row above
	Bad  Kind = "bad"  // should not be there
	Side Kind = "side" // beside the sum
)

// Write writes the page.
func Write(to io.Writer, r *Report) error { return page.Execute(to, r) }
