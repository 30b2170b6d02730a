package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// emulator runs functions in AWS's Runtime Interface Emulator, as processes of this machine. It is the program that
// `sam local` puts into its containers.
type emulator struct {
	program   string
	build     string
	functions settings
	log       io.Writer
}

func openEmulator(l layout, functions settings, log io.Writer) (*emulator, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("the functions are built for Linux and this is %s: it takes Docker to run them", runtime.GOOS)
	}
	pattern := filepath.Join(l.Venv, "lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-"+l.Architecture)
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("aws-sam-cli has no Runtime Interface Emulator where it was looked for: %s", pattern)
	}
	return &emulator{found[0], l.Build, functions, log}, nil
}

func (*emulator) title() string { return "Runtime Interface Emulator" }

func (*emulator) close() {}

func (e *emulator) cold(ctx context.Context, g golden) ([]byte, error) {
	event, err := os.ReadFile(g.file)
	if err != nil {
		return nil, err
	}
	started, err := e.warm(ctx, g.function)
	if err != nil {
		return nil, err
	}
	answer, err := started.invoke(ctx, event)
	if _, ended := started.end(); err == nil {
		err = ended
	}
	return answer, err
}

func (e *emulator) warm(ctx context.Context, function string) (environment, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	api, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s, err := serve(ctx, e.log, address, func(ctx context.Context, log io.Writer) *exec.Cmd {
		cmd := command(ctx, log, e.program, "--runtime-interface-emulator-address", address, "--runtime-api-address", api,
			"--log-level", "warn", "./bootstrap")
		cmd.Dir = filepath.Join(e.build, function)
		cmd.Env = e.environment(function)
		return cmd
	})
	if err != nil {
		return nil, err
	}
	return &emulated{s, "http://" + address + "/2015-03-31/functions/function/invocations"}, nil
}

// environment is what a function is set to, and the way to the local cloud, which this program has from its script.
func (e *emulator) environment(function string) []string {
	vars := []string{"AWS_LAMBDA_FUNCTION_NAME=" + function, "AWS_LAMBDA_FUNCTION_TIMEOUT=30"}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "AWS_") {
			vars = append(vars, v)
		}
	}
	for name, value := range e.functions[function] {
		vars = append(vars, name+"="+value)
	}
	return vars
}

// emulated is an environment in the emulator.
type emulated struct {
	*server
	url string
}

func (e *emulated) invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("invoke: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	return io.ReadAll(answer.Body)
}

func (e *emulated) end() (string, error) {
	e.stop()
	return e.said.String(), nil
}
