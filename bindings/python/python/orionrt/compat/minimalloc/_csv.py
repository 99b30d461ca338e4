"""Problems as CSV, and back.

Stands on `_problem`. One line a buffer, without quotes; the first line names the columns. A column
`end` says the last step of a lifespan, and `upper` the step after it.
"""

from __future__ import annotations

import os
import re

from ._problem import Buffer, Gap, Interval, Problem, Solution

_NAMES = {"begin": "lower", "start": "lower", "buffer": "id", "buffer_id": "id"}
_REQUIRED = ("id", "lower", "upper", "size")
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,19}\s*", re.ASCII)


class _Malformed(ValueError):
    """A text that is no problem."""


def to_csv(problem: Problem, solution: Solution | None = None, old_format: bool = False) -> str:
    """The problem as CSV, with the offsets of a solution if one is given.

    Columns for alignments, hints and gaps are there if a buffer has one. In the old format the
    columns `start` and `end` say the first and the last step.

    >>> print(to_csv(Problem([Buffer("a", Interval(0, 2), 4)]), Solution([8])), end="")
    id,lower,upper,size,offset
    a,0,2,4,8
    """
    buffers = problem.buffers
    has_alignment = any(buffer.alignment != 1 for buffer in buffers)
    has_hint = any(buffer.hint is not None for buffer in buffers)
    has_gaps = any(buffer.gaps for buffer in buffers)
    last = 1 if old_format else 0
    header = ["id", "start", "end", "size"] if old_format else list(_REQUIRED)
    header += ["alignment"] * has_alignment + ["hint"] * has_hint + ["gaps"] * has_gaps
    header += ["offset"] * (solution is not None)
    lines = [header]
    for index, buffer in enumerate(buffers):
        lifespan = buffer.lifespan
        line = [buffer.id, str(lifespan.lower), str(lifespan.upper - last), str(buffer.size)]
        if has_alignment:
            line.append(str(buffer.alignment))
        if has_hint:
            line.append("-1" if buffer.hint is None else str(buffer.hint))
        if has_gaps:
            line.append(" ".join(_gap_text(gap, last) for gap in buffer.gaps))
        if solution is not None:
            line.append(str(solution.offsets[index]))
        lines.append(line)
    return "".join(",".join(line) + "\n" for line in lines)


def _gap_text(gap: Gap, last: int) -> str:
    text = f"{gap.lifespan.lower}-{gap.lifespan.upper - last}"
    if gap.window is not None:
        text += f"@{gap.window.lower}:{gap.window.upper}"
    return text


def from_csv(input: str) -> Problem | None:
    """The problem that a text describes, with capacity 0; `None` if it describes none.

    The text ends at the first empty line.

    >>> from_csv("buffer,start,end,size\\na,0,1,4\\n").buffers[0].lifespan
    Interval(0, 2)
    >>> from_csv("id,lower,upper,size\\na,0,two,4\\n") is None
    True
    """
    try:
        return _problem(input)
    except _Malformed:
        return None


def _problem(text: str) -> Problem:
    lines = iter(text.split("\n"))
    header = next(lines)
    if not header:
        return Problem()
    has_end = "end" in header.split(",")
    columns = [_NAMES.get(name, name) for name in header.split(",")]
    columns = ["upper" if name == "end" else name for name in columns]
    if len(set(columns)) < len(columns):
        raise _Malformed("two columns of one name")
    if any(name not in columns for name in _REQUIRED):
        raise _Malformed("a column is missing")
    buffers: list[Buffer] = []
    for line in lines:
        if not line:
            break
        fields = line.split(",")
        if len(fields) != len(columns):
            raise _Malformed("another number of fields than of columns")
        buffers.append(_buffer(dict(zip(columns, fields)), 1 if has_end else 0))
    return Problem(buffers)


def _buffer(fields: dict[str, str], last: int) -> Buffer:
    lifespan = Interval(_integer(fields["lower"]), _integer(fields["upper"]) + last)
    hint = _integer(fields["hint"]) if "hint" in fields else -1
    return Buffer(
        fields["id"],
        lifespan,
        _integer(fields["size"]),
        _integer(fields["alignment"]) if "alignment" in fields else 1,
        [_gap(text, last) for text in fields.get("gaps", "").split(" ") if text],
        _integer(fields["offset"]) if "offset" in fields else None,
        hint if hint >= 0 else None,
    )


def _gap(text: str, last: int) -> Gap:
    steps, at, window = text.partition("@")
    lower, upper = _pair(steps, "-")
    if not at:
        return Gap(Interval(lower, upper + last))
    return Gap(Interval(lower, upper + last), Interval(*_pair(window, ":")))


def _pair(text: str, separator: str) -> tuple[int, int]:
    parts = text.split(separator)
    if len(parts) != 2:
        raise _Malformed(f"'{text}' is no pair")
    return _integer(parts[0]), _integer(parts[1])


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise _Malformed(f"'{text}' is no integer of 64 bits")
    return int(text)


def from_csv_file(path: str | os.PathLike[str]) -> Problem | None:
    """The problem that a file describes, with capacity 0; `None` if it describes none."""
    with open(path, encoding="utf-8") as file:
        return from_csv(file.read())


def to_csv_file(
    path: str | os.PathLike[str], problem: Problem, solution: Solution | None = None
) -> None:
    """Writes a problem, and a solution if one is given."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(to_csv(problem, solution))
