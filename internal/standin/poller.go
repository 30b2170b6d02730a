package standin

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

//go:embed poller.py
var pollerScript string

// Poller is a Python that reads and writes bodies for as long as the stand-in runs. No other language's JSON has
// exactly the same readings.
type Poller struct {
	mu   sync.Mutex
	cmd  *exec.Cmd
	to   io.WriteCloser
	from *bufio.Reader
}

// NewPoller starts one. Close ends it.
func NewPoller(ctx context.Context) (*Poller, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "python3", "-I", "-c", pollerScript) // Close ends it
	to, errTo := cmd.StdinPipe()
	from, errFrom := cmd.StdoutPipe()
	if err := errors.Join(errTo, errFrom, cmd.Start()); err != nil {
		return nil, fmt.Errorf("start python3, which writes bodies anew: %w", err)
	}
	return &Poller{cmd: cmd, to: to, from: bufio.NewReader(from)}, nil
}

// Anew is the body as a function sees it.
func (p *Poller) Anew(body string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.to, base64.StdEncoding.EncodeToString([]byte(body))+"\n"); err != nil {
		return "", fmt.Errorf("write a body anew: %w", err)
	}
	line, err := p.from.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read a body that was written anew: %w", err)
	}
	text, err := base64.StdEncoding.DecodeString(line[:len(line)-1])
	return string(text), err
}

// Close ends the Python.
func (p *Poller) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.to.Close(), p.cmd.Wait())
}
