"""What Python adds to planning a million rows from columns of NumPy.

    cargo run --release --example columns       the same from Rust: seconds and peak
    python benches/columns.py                   seconds and peak
"""

import time

import numpy as np

import orionrt

ROWS = 1_000_000


def main() -> None:
    """Print the seconds of the call, and the peak."""
    index = np.arange(ROWS)
    lower = index // 4
    columns = {
        "lower": lower,
        "upper": lower + 1 + index % 13,
        "size": 64 * (1 + index * 7919 % 1000),
    }
    start = time.perf_counter()
    plan = orionrt.plan(columns, nodes=1)
    print(f"{time.perf_counter() - start:.3f} {plan.peak}")


if __name__ == "__main__":
    main()
