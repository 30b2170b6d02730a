// Package command reads what the programs behind the scripts are told.
package command

import (
	"errors"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// refused is the exit status where a program is told what it does not know, as in the shell scripts.
const refused = 2

// Parse reads the command line into to. What it does not know ends the program before it does anything, in one sentence
// with what it knows.
func Parse(to any, options ...kong.Option) *kong.Context {
	parser := kong.Must(to, options...)
	parsed, err := parser.Parse(os.Args[1:])
	if err != nil {
		parser.Errorf("%s", sentence(err))
		os.Exit(refused)
	}
	return parsed
}

// sentence is what is wrong, and where kong does not say it, what may stand there.
func sentence(err error) string {
	said := strings.Replace(err.Error(), `one of "",`, "one of ", 1) // of what may be left away
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil {
		return said
	}
	node := wrong.Context.Selected()
	if node == nil {
		node = wrong.Context.Model.Node
	}
	var known []string
	switch {
	case strings.HasPrefix(said, "unknown flag"):
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				known = append(known, "--"+flag.Name)
			}
		}
	case strings.HasPrefix(said, "unexpected argument"):
		for _, child := range node.Children {
			if !child.Hidden {
				known = append(known, child.Name)
			}
		}
		for _, argument := range node.Positional {
			known = append(known, argument.Summary())
		}
		if len(known) == 0 {
			return said + "; it takes none"
		}
	}
	if len(known) == 0 {
		return said
	}
	return said + "; it knows " + strings.Join(known, ", ")
}
