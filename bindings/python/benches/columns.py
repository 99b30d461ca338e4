"""What Python adds to planning a million rows from columns: the median ratio of both times.

    cargo build --release --example columns     the same from Rust: seconds and peak
    python benches/columns.py TARGET/release/examples/columns

Both begin with columns of numbers, and end with a plan; each is run in turn.
"""

import statistics
import subprocess
import sys
import time

import numpy as np

import orionrt

ROWS = 1_000_000
TIMES = 5


def from_python() -> tuple[float, int]:
    """The seconds of the call, and the peak."""
    index = np.arange(ROWS)
    lower = index // 4
    columns = {
        "lower": lower,
        "upper": lower + 1 + index % 13,
        "size": 64 * (1 + index * 7919 % 1000),
    }
    start = time.perf_counter()
    plan = orionrt.plan(columns, nodes=1)
    return time.perf_counter() - start, plan.peak


def from_rust(program: str) -> tuple[float, int]:
    """What the program says."""
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def main() -> None:
    """Print the times and their ratio."""
    if len(sys.argv) != 2:
        sys.exit("expected the path of the program that examples/columns.rs makes")
    ratios: list[float] = []
    for _ in range(TIMES):
        (python, peak), (rust, expected) = from_python(), from_rust(sys.argv[1])
        if peak != expected:
            sys.exit(f"Python's plan has a peak of {peak} bytes, expected {expected}")
        ratios.append(python / rust)
        print(f"Python {python:.3f} s, Rust {rust:.3f} s")
    print(f"Python takes {statistics.median(ratios):.3f} of the time of Rust, by the median")


if __name__ == "__main__":
    main()
