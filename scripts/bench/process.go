package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// round is what one process cost for its batches, its start and a warm-up left out.
type round struct {
	records, requests, units int
	cpu, wall                time.Duration
	peakKiB                  int
}

// warmUp is how many batches a process gets before it is measured.
const warmUp = 20

func measure(path string, c *cloud, batches [][]byte, count int) (r round, err error) {
	p, err := start(path, c)
	if err != nil {
		return r, err
	}
	defer p.end()
	for n := range warmUp {
		if err := p.invoke(batches[n%len(batches)]); err != nil {
			return r, err
		}
	}
	before := p.cpu()
	c.reset()
	began := time.Now()
	for n := range count {
		if err := p.invoke(batches[n%len(batches)]); err != nil {
			return r, err
		}
	}
	r.wall = time.Since(began)
	r.cpu = p.cpu() - before
	r.requests, r.units = c.counts()
	r.records = count * bytes.Count(batches[0], []byte(`"messageId"`))
	r.peakKiB = p.peakKiB()
	return r, nil
}

func measureStart(path string, c *cloud, batch []byte) (started, first time.Duration, err error) {
	began := time.Now()
	p, err := start(path, c)
	if err != nil {
		return 0, 0, err
	}
	defer p.end()
	started = p.asked.Sub(began)
	err = p.invoke(batch)
	return started, time.Since(began), err
}

// process is a function that runs, with a stand-in for Lambda's Runtime API of its own.
type process struct {
	cmd    *exec.Cmd
	api    *http.Server
	work   chan []byte
	answer chan []byte
	asked  time.Time // when it first asked for work
	exited chan error
}

// start runs a bootstrap until it asks for work.
func start(path string, c *cloud) (*process, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{work: make(chan []byte), answer: make(chan []byte), exited: make(chan error, 1)}
	asked := make(chan time.Time, 1)
	p.api = &http.Server{ReadHeaderTimeout: time.Minute, Handler: p.runtimeAPI(asked)}
	go p.api.Serve(listener) //nolint:errcheck // ends with the process
	p.cmd = exec.CommandContext(context.Background(), path)
	p.cmd.Env = append(c.environment(),
		"AWS_LAMBDA_RUNTIME_API="+listener.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME=event-processor", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_XRAY_SDK_DISABLED=TRUE",
	)
	var log bytes.Buffer
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, &log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.exited <- p.cmd.Wait() }()
	select {
	case p.asked = <-asked:
		return p, nil
	case err := <-p.exited:
		return nil, fmt.Errorf("it ended at its start: %w\n%s", err, log.String())
	}
}

func (p *process) runtimeAPI(asked chan<- time.Time) http.HandlerFunc {
	first := true
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/invocation/next"):
			if first {
				first = false
				asked <- time.Now()
			}
			select {
			case batch := <-p.work:
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
				w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(30*time.Second).UnixMilli(), 10))
				w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:event-processor")
				w.Write(batch) //nolint:errcheck // the process went away: invoke sees it end
			case <-r.Context().Done():
			}
		case strings.HasSuffix(r.URL.Path, "/response"), strings.HasSuffix(r.URL.Path, "/error"):
			body, err := io.ReadAll(r.Body)
			if err != nil || strings.HasSuffix(r.URL.Path, "/error") {
				body = append([]byte("error: "), body...)
			}
			w.WriteHeader(http.StatusAccepted)
			p.answer <- body
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

func (p *process) invoke(batch []byte) error {
	select {
	case p.work <- batch:
	case err := <-p.exited:
		return fmt.Errorf("it ended: %w", err)
	}
	select {
	case answer := <-p.answer:
		if !bytes.HasPrefix(answer, []byte(`{"batchItemFailures":[`)) {
			return fmt.Errorf("it answered %.200s", answer)
		}
		return nil
	case err := <-p.exited:
		return fmt.Errorf("it ended: %w", errors.Join(err, errors.New("within a batch")))
	}
}

func (p *process) end() {
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended
	p.api.Close()        //nolint:errcheck // nothing to lose
}

// ticks is how many of its units /proc counts a second, USER_HZ, 100 on every Linux that Go runs on.
const ticks = 100

// cpu is the time that the process spent on a processor, in itself and in the kernel, to 10 ms.
func (p *process) cpu() time.Duration {
	fields := strings.Fields(p.proc("stat"))
	user, errUser := strconv.Atoi(fields[13])
	system, errSystem := strconv.Atoi(fields[14])
	if err := errors.Join(errUser, errSystem); err != nil {
		panic(err)
	}
	return time.Duration(user+system) * time.Second / ticks
}

// peakKiB is the most memory that the process had resident.
func (p *process) peakKiB() int {
	_, rest, _ := strings.Cut(p.proc("status"), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		panic(err)
	}
	return kib
}

func (p *process) proc(file string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	if err != nil {
		panic(err)
	}
	return string(text)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// millis is the median, and the least and the most.
func millis(all []time.Duration) string {
	if len(all) == 0 {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(all))
	ms := func(d time.Duration) float64 { return micros(d) / 1000 }
	return fmt.Sprintf("%.1f (%.1f–%.1f)", ms(sorted[len(sorted)/2]), ms(sorted[0]), ms(sorted[len(sorted)-1]))
}

func median(rounds []round, of func(round) float64) float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
