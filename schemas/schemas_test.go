package schemas

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// with is the embedded schemas and other files beside them; one without text is taken away.
func with(t *testing.T, others map[string]string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	err := fs.WalkDir(Files, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Files, file)
		all[file] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range others {
		if text == "" {
			delete(all, file)
			continue
		}
		all[file] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

func envelope(enum string) map[string]string {
	return map[string]string{Envelope: `{"properties":{"eventType":{"enum":` + enum + `}}}`}
}

func TestEveryTypeHasASchema(t *testing.T) {
	for _, eventType := range Types() {
		if !slices.ContainsFunc(embedded().Payloads, func(p Payload) bool { return p.Type == eventType }) {
			t.Errorf("%s has none", eventType)
		}
	}
}

func TestVersionsComeInOrder(t *testing.T) {
	index, err := Read(with(t, map[string]string{
		"payloads/transaction/10.0.json": "{}", "payloads/transaction/2.10.json": "{}", "payloads/transaction/2.9.json": "{}",
	}))
	if err != nil {
		t.Fatal(err)
	}
	at := func(version string) int {
		return slices.IndexFunc(index.Payloads, func(p Payload) bool { return p.Type == "transaction" && p.Version == version })
	}
	if got := []int{at("2.9"), at("2.10"), at("10.0")}; got[0] < 0 || !slices.IsSorted(got) {
		t.Errorf("got %v", index.Payloads)
	}
}

func TestWhatNoEventCouldMatchIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"a version with a letter": {map[string]string{"payloads/transaction/v2.json": "{}"}, []string{"payloads/transaction/v2.json", "MAJOR.MINOR.json"}},
		"a major version only":    {map[string]string{"payloads/transaction/2.json": "{}"}, []string{"payloads/transaction/2.json"}},
		"a zero in front":         {map[string]string{"payloads/transaction/02.0.json": "{}"}, []string{"payloads/transaction/02.0.json"}},
		"another ending":          {map[string]string{"payloads/transaction/2.0.yaml": "{}"}, []string{"payloads/transaction/2.0.yaml"}},
		"a file in no folder":     {map[string]string{"payloads/2.0.json": "{}"}, []string{`payloads/: the eventType of event-schema.json does not name ""`}},
		"a folder within":         {map[string]string{"payloads/transaction/old/1.0.json": "{}"}, []string{`does not name "transaction/old"`}},
		"a folder of no type": {
			map[string]string{"payloads/gossip/1.0.json": "{}", "payloads/gossip/1.1.json": "{}"},
			[]string{`payloads/gossip/: the eventType of event-schema.json does not name "gossip"; it names `, "transaction"},
		},
		"a type without a folder": {
			envelope(`["transaction", "gossip"]`),
			[]string{`event-schema.json: /properties/eventType/enum: "gossip" has no schema; it needs payloads/gossip/1.0.json`},
		},
		"no types":                 {envelope(`[]`), []string{"event-schema.json: /properties/eventType/enum: the event types must be listed there"}},
		"types behind a reference": {map[string]string{Envelope: `{"properties":{"eventType":{"$ref":"#/$defs/a"}}}`}, []string{"must be listed there"}},
		"a type that is no text":   {envelope(`["transaction", 7]`), []string{"enum: 7 cannot be a folder's name"}},
		"a type that is a path":    {envelope(`["../transaction"]`), []string{`"../transaction" cannot be a folder's name`}},
		"a type twice":             {envelope(`["transaction", "transaction"]`), []string{`"transaction" stands there twice`}},
		"an envelope that is none": {map[string]string{Envelope: `{`}, []string{"event-schema.json: "}},
		"an envelope that is not":  {map[string]string{Envelope: ""}, []string{"event-schema.json"}},
		"several, all at one time": {map[string]string{"payloads/transaction/v2.json": "{}", "payloads/gossip/1.0.json": "{}"}, []string{"v2.json", `"gossip"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(with(t, tt.files))
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want something with %q", err, want)
				}
			}
		})
	}
}
