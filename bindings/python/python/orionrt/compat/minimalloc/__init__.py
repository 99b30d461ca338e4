"""The Python interface of MiniMalloc, on this library's planner: change one import.

>>> import orionrt.compat.minimalloc as mm
>>> problem = mm.from_csv('''id,lower,upper,size
... b1,0,3,4
... b2,3,9,4
... b3,0,9,4
... b4,9,21,4
... b5,0,21,4
... ''')
>>> problem.capacity = 12
>>> solution = mm.Solver().solve(problem)
>>> solution.height, mm.validate(problem, solution).name
(12, 'GOOD')

MiniMalloc (https://github.com/google/minimalloc) places buffers below a capacity. Problems, files
and answers are the same here, but which of several solutions is found differs.

**What differs**

- `Solver.solve` returns `None` where it has proven that there is no solution, or where the timeout
  or `cancel` ended the search; `Solver.is_infeasible`, which MiniMalloc lacks, tells which. Without
  a timeout a search may run for as long as it takes, there as here.
- A first pass runs whatever the timeout is.
- Of `SolverParams`, `timeout` and `minimize_capacity` have an effect. `canonical_only`,
  `section_inference`, `dynamic_ordering`, `check_dominance`, `unallocated_floor`,
  `static_preordering`, `dynamic_decomposition`, `monotonic_floor`, `hatless_pruning` and
  `preordering_heuristics` are accepted and ignored.
- `Solver.get_backtracks` is 1 after a search without a solution and 0 after one with it, and
  `Buffer.hint` is kept but does not lead the search.
- A buffer of a negative size, with an alignment below 1 or with a lifespan that ends before it
  begins raises a `ValueError`.
- Where gaps of one buffer overlap, the windows of all of them are needed.
- Buffers with gaps are placed by the compiled planner and by a search in Python in turn; windows,
  and alignments that are no powers of two, are the search's alone. It is meant for some tens of
  buffers that meet. Buffers without gaps are the planner's, however many there are.

**What is left out**: the sweep and the preorder of the solver, which are its internals:
`BufferData`, `CutCount`, `Overlap`, `Partition`, `PreorderData`, `PreorderingComparator`,
`SectionIdx`, `SectionRange`, `SectionSpan`, `SweepPoint`, `SweepPointType`, `SweepResult`,
`create_points`, `sweep`.
"""

from ._csv import from_csv, from_csv_file, to_csv, to_csv_file
from ._params import Duration, SolverParams
from ._problem import Buffer, Gap, Interval, Lifespan, Problem, Solution, Window
from ._solver import Solver
from ._validate import ValidationResult, validate

Area = int
BufferIdx = int
Capacity = int
Offset = int
TimeValue = int

__all__ = [
    "Area",
    "Buffer",
    "BufferIdx",
    "Capacity",
    "Duration",
    "Gap",
    "Interval",
    "Lifespan",
    "Offset",
    "Problem",
    "Solution",
    "Solver",
    "SolverParams",
    "TimeValue",
    "ValidationResult",
    "Window",
    "from_csv",
    "from_csv_file",
    "to_csv",
    "to_csv_file",
    "validate",
]
