"""Runs one command and writes what it used: seconds, largest memory, exit status. A small process, so that its own memory is not counted.

python -I -S launcher.py REPORT TIMEOUT_SECONDS COMMAND...
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Run it and wait; a command that takes too long is ended with everything it started."""
    report, timeout, *command = sys.argv[1:]
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - a command of the benchmark
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.killpg(process.pid, signal.SIGKILL))
    signal.alarm(int(timeout))
    _, status, used = os.wait4(process.pid, 0)
    signal.alarm(0)
    ended = time.monotonic()
    in_kibibytes = used.ru_maxrss / 1024 if sys.platform == "darwin" else used.ru_maxrss
    found = {"began": began, "ended": ended, "status": os.waitstatus_to_exitcode(status), "peak_megabytes": in_kibibytes / 1024}
    Path(report).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
