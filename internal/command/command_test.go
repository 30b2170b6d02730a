package command

import (
	"testing"

	"github.com/alecthomas/kong"
)

func TestSentence(t *testing.T) {
	type flat struct {
		Function string `arg:"" default:"all" enum:"processor,all"`
		Since    string `default:"10m"`
		Level    string `enum:",low,high" default:""`
		Secret   bool   `hidden:""`
	}
	type nested struct {
		List struct {
			Client string
		} `cmd:""`
		Show struct {
			ID string `arg:""`
		} `cmd:""`
		None struct{} `cmd:""`
	}
	for name, tt := range map[string]struct {
		to   any
		args []string
		want string
	}{
		"a flag":                 {&flat{}, []string{"--foo"}, "unknown flag --foo; it knows --help, --since, --level"},
		"a value":                {&flat{}, []string{"nosuch"}, `[<function>] must be one of "processor","all" but got "nosuch"`},
		"a flag's value":         {&flat{}, []string{"--level", "x"}, `--level must be one of "low","high" but got "x"`},
		"an argument too many":   {&flat{}, []string{"all", "more"}, `unexpected argument more; it knows [<function>]`},
		"a command":              {&nested{}, []string{"nosuch"}, `unexpected argument nosuch; it knows list, show, none`},
		"a flag of a command":    {&nested{}, []string{"list", "--foo"}, "unknown flag --foo; it knows --help, --client"},
		"no command":             {&nested{}, nil, `expected one of "list", "show", "none"`},
		"a missing argument":     {&nested{}, []string{"show"}, `expected "<id>"`},
		"what takes no argument": {&nested{}, []string{"none", "x"}, "unexpected argument x; it takes none"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kong.Must(tt.to, kong.Name("x.sh")).Parse(tt.args)
			if err == nil {
				t.Fatal("accepted")
			}
			if got := sentence(err); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.args, got, tt.want)
			}
		})
	}
}
