package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// baseImage is the image on which `sam local` builds its own.
func baseImage(architecture string) string {
	return "public.ecr.aws/lambda/provided:al2023-" + architecture
}

// missing says in one line what is missing for running functions in Docker; "" is nothing. It pulls the image the
// first time.
func missing(ctx context.Context, image string) string {
	if _, err := exec.LookPath("docker"); err != nil {
		return "There is no Docker here (no docker command)"
	}
	if _, err := dockerSays(ctx, 10*time.Second, "version"); err != nil {
		return "There is no Docker here (its daemon does not answer)"
	}
	if _, err := dockerSays(ctx, 10*time.Second, "image", "inspect", image); err == nil {
		return ""
	}
	fmt.Fprintf(os.Stderr, "… Pull %s (the first time)\n", image)
	if said, err := dockerSays(ctx, 5*time.Minute, "pull", "--quiet", image); err != nil {
		return fmt.Sprintf("Docker cannot pull %s (%s)", image, lastLine(said))
	}
	return ""
}

// withoutDocker is the error where Docker was asked for and something is missing.
func withoutDocker(what string) error {
	return fmt.Errorf("%s: scripts/test-invoke.sh --rie runs the golden events without Docker", what)
}

func dockerSays(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var said strings.Builder
	err := command(ctx, &said, "docker", args...).Run()
	return said.String(), err
}

// docker runs functions with `sam local`.
type docker struct {
	program  string
	template string // the built one, with AWS_ENDPOINT_URL declared
	envVars  string // a file, for --env-vars
	log      io.Writer
	forward  io.Closer
}

func openDocker(ctx context.Context, l layout, functions *functions, log io.Writer) (*docker, error) {
	d := &docker{
		program: filepath.Join(l.Venv, "bin/sam"), log: log,
		template: filepath.Join(l.Build, "invoke.yaml"), envVars: filepath.Join(l.Local, "invoke.json"),
	}
	built, err := os.ReadFile(filepath.Join(l.Build, "template.yaml"))
	if err != nil {
		return nil, err
	}
	template, err := declareEndpoint(built)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.template, template, 0o600); err != nil { // beside the other: it names folders there
		return nil, err
	}
	var reachable string
	if reachable, d.forward, err = reach(ctx, functions.endpoint); err != nil {
		return nil, err
	}
	for _, vars := range functions.settings {
		vars["AWS_ENDPOINT_URL"] = reachable
	}
	vars, err := json.MarshalIndent(functions.settings, "", "  ")
	if err == nil {
		err = os.WriteFile(d.envVars, vars, 0o600)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// declareEndpoint adds AWS_ENDPOINT_URL to the variables of all functions of a built template. SAM hands on no
// variable that the template does not declare, and template.yaml does not declare it: it is for AWS as well.
func declareEndpoint(template []byte) ([]byte, error) {
	const variables = "\n    Environment:\n      Variables:\n" // of Globals: only there so far to the left
	text := string(template)
	if strings.Count(text, variables) != 1 {
		return nil, errors.New("the built template has no variables under Globals to add AWS_ENDPOINT_URL to")
	}
	return []byte(strings.Replace(text, variables, variables+"        AWS_ENDPOINT_URL: ''\n", 1)), nil
}

// reach makes the local cloud reachable from containers and says where. It may listen on the loopback interface only,
// so on Linux this program forwards from the address that Docker's bridge has on this machine: to containers, and to
// nobody else. Docker Desktop, whose bridge is in a machine of its own, brings a name for this one.
func reach(ctx context.Context, endpoint string) (string, io.Closer, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return "", nil, err
	}
	bridge, err := dockerSays(ctx, 10*time.Second, "network", "inspect", "bridge",
		"--format", `{{index .Options "com.docker.network.bridge.name"}}`)
	if err != nil {
		return "", nil, fmt.Errorf("find Docker's bridge: %s", lastLine(bridge))
	}
	address, found := addressOf(strings.TrimSpace(bridge))
	if !found {
		return fromDesktop(*target), io.NopCloser(nil), nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "", nil, fmt.Errorf("forward from Docker's bridge: %w", err)
	}
	server := &http.Server{Handler: httputil.NewSingleHostReverseProxy(target), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) //nolint:errcheck // ends with close
	return "http://" + listener.Addr().String(), server, nil
}

// fromDesktop is an endpoint as containers of Docker Desktop name it: only what is on this machine has another name there.
func fromDesktop(endpoint url.URL) string {
	host := endpoint.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback()) {
		endpoint.Host = strings.TrimSuffix("host.docker.internal:"+endpoint.Port(), ":")
	}
	return endpoint.String()
}

// addressOf is the IPv4 address of a network interface of this machine, where it has one of that name.
func addressOf(name string) (string, bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return "", false
	}
	addresses, _ := i.Addrs() // none is not found
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.IP.String(), true
		}
	}
	return "", false
}

func (*docker) title() string { return "sam local in Docker" }

func (d *docker) close() { _ = d.forward.Close() }

// arguments are those of every command of `sam local`.
func (d *docker) arguments() []string {
	return []string{"--template-file", d.template, "--env-vars", d.envVars, "--skip-pull-image"}
}

func (d *docker) cold(ctx context.Context, g golden) ([]byte, error) {
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	var answer, said strings.Builder
	args := append([]string{"local", "invoke", g.function, "--event", g.file}, d.arguments()...)
	cmd := command(ctx, io.MultiWriter(d.log, &said), d.program, args...)
	cmd.Stdout = &answer
	err := cmd.Run() // that it succeeds says nothing of the function
	if err != nil {
		err = fmt.Errorf("sam local invoke: %w: %s", err, lastLine(said.String()))
	}
	return []byte(answer.String()), errors.Join(err, removeContainers(ctx, said.String()))
}

var containerIDs = regexp.MustCompile(`SAM_CONTAINER_ID: ([0-9a-f]{12,64})`)

// removeContainers removes the containers that sam names in its log where it has left them behind.
func removeContainers(ctx context.Context, log string) error {
	var left []string
	for _, match := range containerIDs.FindAllStringSubmatch(log, -1) {
		if _, err := dockerSays(context.WithoutCancel(ctx), 10*time.Second, "container", "inspect", match[1]); err == nil {
			left = append(left, match[1])
		}
	}
	if len(left) == 0 {
		return nil
	}
	if said, err := dockerSays(context.WithoutCancel(ctx), 30*time.Second, append([]string{"rm", "--force", "--volumes"}, left...)...); err != nil {
		return fmt.Errorf("remove containers: %s", lastLine(said))
	}
	return nil
}

func (d *docker) warm(ctx context.Context, _ string) (environment, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	s, err := serve(ctx, d.log, address, func(ctx context.Context, log io.Writer) *exec.Cmd {
		args := append([]string{"local", "start-lambda", "--host", host, "--port", port, "--warm-containers", "LAZY"}, d.arguments()...)
		return command(ctx, log, d.program, args...)
	})
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint("http://"+address), config.WithRetryMaxAttempts(1))
	if err != nil {
		s.stop()
		return nil, err
	}
	return &warmContainer{s, lambda.NewFromConfig(cfg)}, nil
}

// warmContainer is an environment behind `sam local start-lambda`.
type warmContainer struct {
	*server
	api *lambda.Client
}

func (w *warmContainer) invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	answer, err := w.api.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(processor), Payload: event})
	if err != nil {
		return nil, fmt.Errorf("invoke: %w", err)
	}
	return answer.Payload, nil
}

func (w *warmContainer) end() (string, error) {
	w.stop()
	log := w.said.String()
	return log, removeContainers(context.Background(), log)
}

// samCommand is sam with the way to the local cloud.
type samCommand struct {
	Arguments []string `arg:"" optional:"" help:"What sam is told."`
}

// Run runs sam as it was asked for, in the caller's terminal.
func (c *samCommand) Run(ctx context.Context, l layout) error {
	if what := missing(ctx, baseImage(l.Architecture)); what != "" {
		return withoutDocker(what)
	}
	functions, err := deployed(ctx)
	if err != nil {
		return err
	}
	defer functions.close(ctx)
	d, err := openDocker(ctx, l, functions, io.Discard)
	if err != nil {
		return err
	}
	defer d.close()
	var said strings.Builder
	cmd := command(ctx, io.MultiWriter(os.Stderr, &said), d.program, append(c.Arguments, d.arguments()...)...)
	cmd.Stdout = os.Stdout
	end := cmd.Cancel
	cmd.Cancel = func() error {
		time.Sleep(2 * time.Second) // it leaves a container behind that it is just having made
		return end()
	}
	err = cmd.Run()
	if ctx.Err() != nil {
		err = nil // it was told to end
	}
	return errors.Join(err, removeContainers(ctx, said.String()))
}
