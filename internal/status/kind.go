package status

import (
	"context"
	"errors"
	"net"
	"strings"
)

// The kinds of failure, in the words of a check's error.
const (
	notFound      = "not found"
	accessDenied  = "access denied"
	throttled     = "throttled"
	timeout       = "timeout"
	unreachable   = "unreachable"
	internalError = "internal error" // a panic
	failed        = "failed"         // anything else
)

// errPanic is what a look ends with that panicked.
var errPanic = errors.New("panic")

// notWorking is the error for a part that is there and says that it does not work.
type notWorking struct{ state string }

func (e *notWorking) Error() string {
	if e.state == "" {
		return "state is unknown"
	}
	return "state is " + strings.ToLower(e.state)
}

// kindOf sorts an error. What a service said stays in the log: it holds ARNs, account ids and names. Every service's
// errors carry a code, so that one table serves all parts and none of their types is needed here.
func kindOf(err error) string {
	var coded interface{ ErrorCode() string }
	var network net.Error
	var state *notWorking
	switch {
	case errors.Is(err, errPanic):
		return internalError
	case errors.As(err, &state):
		return state.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return timeout
	case errors.As(err, &coded):
		return kindOfCode(coded.ErrorCode())
	case errors.As(err, &network) && network.Timeout():
		return timeout
	case network != nil:
		return unreachable
	default:
		return failed
	}
}

func kindOfCode(code string) string {
	for _, known := range []struct {
		kind  string
		parts []string // of the code
	}{
		{notFound, []string{"NotFound", "NonExistent", "DoesNotExist"}},
		{accessDenied, []string{"AccessDenied", "Authoriz", "UnrecognizedClient", "ClientToken", "Signature", "ExpiredToken"}},
		{throttled, []string{"Throttl", "TooManyRequests", "LimitExceeded"}},
		{timeout, []string{"Timeout", "TimedOut"}},
	} {
		for _, part := range known.parts {
			if strings.Contains(code, part) {
				return known.kind
			}
		}
	}
	return failed
}
