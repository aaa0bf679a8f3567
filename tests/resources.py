"""What a command costs, measured on the command that a user types."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

#: A process starts out with the peak memory of the one that forked it, so a small one stands between pytest and the
#: command. It prints the command's peak in KiB, of its largest process, and the processor time of all in seconds.
MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
sys.exit(status)
"""


@dataclass(frozen=True)
class Cost:
    """Of a command that ended well."""

    #: By the clock, or the processor's where that is less: other programs stretch the one, not the other.
    seconds: float
    peak_bytes: float


def measured(*arguments: str) -> Cost:
    """Runs `liteinterp` with these arguments."""
    before = time.perf_counter()
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "liteinterp", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    elapsed = time.perf_counter() - before
    assert done.returncode == 0
    peak_kib, processor_seconds = map(float, done.stdout.split())
    return Cost(min(elapsed, processor_seconds), peak_kib * 1024)
