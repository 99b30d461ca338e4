"""What a plan must satisfy, in plain Python that shares nothing with the planner."""

from collections.abc import Sequence

Row = tuple[str, int, int, int, int]


def overlap(a: range, b: range) -> bool:
    """Whether two ranges have a number in common."""
    return max(a.start, b.start) < min(a.stop, b.stop)


def load(rows: Sequence[Row]) -> int:
    """The most bytes alive at one step, step by step."""
    steps = {row[1] for row in rows}
    alive = (sum(row[3] for row in rows if row[1] <= step < row[2]) for step in steps)
    return max(alive, default=0)


def faults(rows: Sequence[Row], offsets: Sequence[int]) -> list[str]:
    """What is wrong with the offsets: every pair is looked at."""
    found = [f"{row[0]} at {at}" for row, at in zip(rows, offsets, strict=True) if at % row[4]]
    placed = list(zip(rows, offsets, strict=True))
    for index, (a, at) in enumerate(placed):
        for b, bt in placed[:index]:
            together = overlap(range(a[1], a[2]), range(b[1], b[2]))
            if together and overlap(range(at, at + a[3]), range(bt, bt + b[3])):
                found.append(f"{a[0]} and {b[0]}")
    return found


def peak(rows: Sequence[Row], offsets: Sequence[int]) -> int:
    """The highest byte in use by a tensor that is ever alive."""
    placed = zip(rows, offsets, strict=True)
    return max((at + row[3] for row, at in placed if row[1] < row[2] and row[3]), default=0)
