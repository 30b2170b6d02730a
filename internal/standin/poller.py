# What LocalStack 4.14.0's poller makes of a body before it invokes the function: it reads it as JSON, and what it has
# read it writes anew; a body that is a JSON string loses its quotes, and one that is no JSON stays as it is. One body a
# line comes in and one goes out, in base64.
import base64
import json
import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the stand-in, which ends this by closing the pipe

for line in sys.stdin.buffer:
    body = base64.b64decode(line).decode()
    try:
        value = json.loads(body)
        if isinstance(value, str):  # half of a pair of surrogates reaches a function as U+FFFD
            body = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        else:
            body = json.dumps(value)
    except (ValueError, RecursionError):
        # No JSON. A number of more than 4,300 digits ends here, too; in LocalStack it ends its whole batch, which
        # comes again until it is dead letters that no function has seen.
        pass
    sys.stdout.buffer.write(base64.b64encode(body.encode()) + b"\n")
    sys.stdout.buffer.flush()
