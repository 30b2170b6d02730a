package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// command prepares a program that is told to end (SIGTERM) when ctx ends, and killed where it does not. It gets a
// process group of its own: Ctrl-C in the terminal reaches this program only, which ends the others in order.
func command(ctx context.Context, log io.Writer, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // names and arguments are this program's own
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

// server is a program that serves on a port until it is ended.
type server struct {
	said strings.Builder // may be read after stop
	stop func()
}

// startLimit is how long a server may take until it listens.
const startLimit = 60 * time.Second

// serve starts a program and waits until it listens.
func serve(ctx context.Context, log io.Writer, address string, prepare func(context.Context, io.Writer) *exec.Cmd) (*server, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := new(server)
	cmd := prepare(ctx, io.MultiWriter(log, &s.said))
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it was told to end is no news
		close(ended)
	}()
	s.stop = func() {
		cancel()
		<-ended
	}
	dialer := net.Dialer{Timeout: time.Second}
	for began := time.Now(); time.Since(began) < startLimit; {
		if connection, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			return s, connection.Close()
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("%s ended at once: %s", cmd.Path, lastLine(s.said.String()))
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s did not listen on %s within %s", cmd.Path, address, startLimit)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// freeAddress is an address of the loopback interface that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// coldStarts counts the cold starts in a log: only the report of a first invocation has an init duration.
func coldStarts(log string) int { return strings.Count(log, "Init Duration:") }
