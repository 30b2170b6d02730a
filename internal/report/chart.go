package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Chart shows up to four lines over the time of a run.
type Chart struct {
	Words string // what is to be seen, for those who do not see it
	Unit  string // of the values
	Lines []Line
}

// Line is one line of a chart. The first one of a chart is filled down to zero.
type Line struct {
	Name   string
	Points []Point
}

// Point is a value at a time. A value that is NaN is a gap.
type Point struct {
	Second float64 // since the start of the run
	Value  float64
}

// textSize is that of the labels, in a drawing's own units, which are CSS pixels where the page is as wide.
const textSize = 11

// sizes are those that a chart is drawn in: the page shows the one whose text stays readable at its width.
var sizes = []size{{"wide", 760, 230, 8}, {"narrow", 310, 200, 4}}

type size struct {
	name          string
	width, height vg.Length
	times         int // that the horizontal axis names, about
}

// The page's colours are variables of its style sheet, which knows light and dark. A chart is drawn with marks in
// their place.
var (
	ink, rule = mark(1), mark(2)
	strokes   = []color.Color{mark(11), mark(12), mark(13), mark(14)}
	area      = mark(21)
	dashes    = [][]vg.Length{nil, {6, 3}, {2, 2.5}, {8, 2, 2, 2}} // never by colour alone

	colours = strings.NewReplacer(
		"#010101", "var(--muted)", "#020202", "var(--line)",
		"#0B0B0B", "var(--series-1)", "#0C0C0C", "var(--series-2)", "#0D0D0D", "var(--series-3)", "#0E0E0E", "var(--series-4)",
		"#151515", "var(--area)",
	)
)

func mark(n uint8) color.Color { return color.NRGBA{n, n, n, 255} }

// svg draws a chart, in each size.
func svg(c *Chart) (template.HTML, error) {
	var all template.HTML
	for _, s := range sizes {
		drawing, err := s.draw(c)
		if err != nil {
			return "", err
		}
		all += drawing
	}
	return all, nil
}

func (s *size) draw(c *Chart) (template.HTML, error) {
	p := plot.New()
	p.BackgroundColor = nil
	end, top := c.extent()
	axis(&p.X, end, seconds{s.times})
	axis(&p.Y, top, values{})
	grid := plotter.NewGrid()
	grid.Vertical.Width, grid.Horizontal.Color, grid.Horizontal.Width = 0, rule, 0.75
	p.Add(grid)
	for i, line := range c.Lines {
		for _, part := range parts(line.Points) {
			drawn, err := plotter.NewLine(part)
			if err != nil {
				return "", fmt.Errorf("draw %s: %w", line.Name, err)
			}
			drawn.LineStyle = draw.LineStyle{Color: strokes[i%len(strokes)], Width: 1.6, Dashes: dashes[i%len(dashes)]}
			if i == 0 && len(part) > 1 {
				drawn.FillColor = area
			}
			p.Add(drawn)
		}
	}
	canvas := vgsvg.New(s.width, s.height)
	p.Draw(draw.Crop(draw.New(canvas), 0, -2*textSize, 0, -textSize)) // room for half of the labels at the ends
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", err
	}
	return s.inline(out.String()), nil
}

// inline makes a part of a page of a file: no prologue, no size of its own, no names for other readers.
func (s *size) inline(file string) template.HTML {
	_, drawing, _ := strings.Cut(file, "<svg ")
	_, drawing, _ = strings.Cut(drawing, ">")
	open := fmt.Sprintf(`<svg class="%s" viewBox="0 0 %g %g" aria-hidden="true">`, s.name, s.width.Points(), s.height.Points())
	return template.HTML(open + colours.Replace(drawing)) // ours: numbers, and texts that are escaped
}

// extent is how far the axes reach: to the last point, and to a round value above the highest.
func (c *Chart) extent() (end, top float64) {
	for _, line := range c.Lines {
		for _, p := range line.Points {
			end = max(end, p.Second)
			if !math.IsNaN(p.Value) {
				top = max(top, p.Value)
			}
		}
	}
	step := stepFor(top, 4)
	return max(end, 1), max(math.Ceil(top/step)*step, step)
}

// stepFor is the round step that takes about so many to reach a value.
func stepFor(reach float64, steps int) float64 {
	if reach <= 0 {
		return 1
	}
	raw := reach / float64(steps)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, round := range []float64{1, 2, 2.5, 5} {
		if round*unit >= raw*0.999 {
			return round * unit
		}
	}
	return 10 * unit
}

// axis sets an axis from zero to reach.
func axis(a *plot.Axis, reach float64, ticks plot.Ticker) {
	a.Min, a.Max, a.Padding = 0, reach, 0
	a.Width = 0
	a.Tick.Color, a.Tick.Width, a.Tick.Length = rule, 0.75, 5
	a.Tick.Label.Color = ink
	a.Tick.Label.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize}
	a.Tick.Marker = ticks
}

// values marks round values.
type values struct{}

// Ticks is plot.Ticker.
func (values) Ticks(_, top float64) (ticks []plot.Tick) {
	step := stepFor(top, 4)
	for i := 0; float64(i)*step <= top*1.001; i++ {
		v := float64(i) * step
		ticks = append(ticks, plot.Tick{Value: v, Label: Number(v)})
	}
	return ticks
}

// seconds marks about so many round times: seconds up to two minutes, minutes above.
type seconds struct{ times int }

// Ticks is plot.Ticker.
func (s seconds) Ticks(_, end float64) (ticks []plot.Tick) {
	unit, name := 1., " s"
	if end > 120 {
		unit, name = 60, " min"
	}
	step := max(stepFor(end/unit, s.times), 1) * unit
	for i := 0; float64(i)*step <= end; i++ {
		t := float64(i) * step
		ticks = append(ticks, plot.Tick{Value: t, Label: Number(t/unit) + name})
	}
	return ticks
}

// parts cuts points at the gaps.
func parts(points []Point) (all []plotter.XYs) {
	var part plotter.XYs
	for _, p := range points {
		if !math.IsNaN(p.Value) {
			part = append(part, plotter.XY{X: p.Second, Y: p.Value})
			continue
		}
		if len(part) > 0 {
			all = append(all, part)
		}
		part = nil
	}
	if len(part) > 0 {
		all = append(all, part)
	}
	return all
}

// Number writes a number for people: 1,234 or 0.25, with at most three digits where it has a fraction.
func Number(v float64) string {
	if v != math.Trunc(v) && math.Abs(v) < 1000 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	text := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	if v < 0 {
		return "−" + text
	}
	return text
}
