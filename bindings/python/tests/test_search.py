"""Searches: the interpreter's lock is free, and signals, callbacks and threads end them."""

import signal
import threading

import pytest

import orionrt
import orionrt.compat.minimalloc as mm

# More than a search takes that is ended; without that, a test fails and does not hang.
LIMIT = 20

# The search for a plan at the lower bound goes on for minutes.
HARD = [
    (str(i), i * 31 % 97, i * 31 % 97 + 1 + i * 17 % 29, 1 + i * i * 7919 % 10007)
    for i in range(400)
]


def test_the_callback_ends_a_search() -> None:
    seen: list[orionrt.Progress] = []

    def progress(now: orionrt.Progress) -> bool:
        seen.append(now)
        return len(seen) < 3

    plan = orionrt.plan(HARD, time_limit=LIMIT, progress=progress)
    assert plan.interrupted and plan.peak > plan.lower_bound
    seconds = [now.seconds for now in seen]
    assert len(seconds) == 3 and seconds == sorted(seconds) and seconds[0] > 0
    assert not orionrt.plan(HARD[:5]).interrupted


def test_the_callback_is_told_of_the_best_plan_and_of_a_bound() -> None:
    seen: list[orionrt.Progress] = []

    def progress(now: orionrt.Progress) -> bool:
        seen.append(now)
        return now.best_peak is None

    plan = orionrt.plan(HARD, time_limit=LIMIT, progress=progress)
    last = seen[-1]
    assert last.best_peak is not None and last.best_peak >= plan.peak
    assert last.lower_bound == orionrt.Lifetimes.from_rows(HARD).lower_bound <= plan.lower_bound
    with pytest.raises(AttributeError):
        last.best_peak = 1  # type: ignore[misc]
    assert repr(last).startswith("<Progress: ")


def test_the_bound_of_several_models_is_that_of_the_largest() -> None:
    seen: list[orionrt.Progress] = []

    def progress(now: orionrt.Progress) -> bool:
        seen.append(now)
        return False

    models = {"small": HARD[:9], "hard": HARD}
    shared = orionrt.share(models, time_limit=LIMIT, progress=progress)
    assert shared.interrupted and len(seen) == 1
    assert seen[0].lower_bound == orionrt.Lifetimes.from_rows(HARD).lower_bound


def test_an_exception_of_the_callback_is_raised() -> None:
    def progress(_: orionrt.Progress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        orionrt.plan(HARD, time_limit=LIMIT, progress=progress)


def interrupt(_: orionrt.Progress) -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_gives_the_best_plan_until_then() -> None:
    # The signal arrives between two calls of the callback, or in one.
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    plan = orionrt.plan(HARD, time_limit=LIMIT)
    timer.join()
    assert plan.interrupted
    assert orionrt.plan(HARD, time_limit=LIMIT, progress=interrupt).interrupted
    with pytest.raises(orionrt.CapacityError) as refused:
        orionrt.plan(HARD, time_limit=LIMIT, capacity=1, progress=interrupt)
    assert refused.value.interrupted and refused.value.best.interrupted
    with pytest.raises(orionrt.CapacityError) as refused:
        orionrt.plan(HARD[:5], capacity=1)
    assert not refused.value.interrupted and not refused.value.best.interrupted


def test_ctrl_c_is_raised_where_that_is_asked_for() -> None:
    with pytest.raises(KeyboardInterrupt):
        orionrt.plan(HARD, time_limit=LIMIT, progress=interrupt, on_interrupt="raise")
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        orionrt.plan(HARD, time_limit=LIMIT, on_interrupt="raise")
    timer.join()
    with pytest.raises(ValueError, match="on_interrupt is 'never', expected 'best' or 'raise'"):
        orionrt.plan(HARD, on_interrupt="never")  # type: ignore[arg-type]


def test_ctrl_c_comes_out_of_the_solver_of_minimalloc() -> None:
    buffers = [mm.Buffer(name, mm.Interval(low, high), size) for name, low, high, size in HARD]
    low = orionrt.Lifetimes.from_rows(HARD).lower_bound
    params = mm.SolverParams()
    params.timeout = mm.Duration(LIMIT)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        mm.Solver(params).solve(mm.Problem(buffers, low))
    timer.join()


def test_another_handler_of_signals_may_raise() -> None:
    def handler(*_: object) -> None:
        raise TimeoutError("too late")

    before = signal.signal(signal.SIGINT, handler)
    try:
        timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(TimeoutError, match="too late"):
            orionrt.plan(HARD, time_limit=LIMIT)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_ends_a_search() -> None:
    cancel = orionrt.Cancel()
    timer = threading.Timer(0.2, cancel.cancel)
    timer.start()
    plan = orionrt.plan(HARD, time_limit=LIMIT, cancel=cancel)
    timer.join()
    assert cancel.cancelled and plan.interrupted and plan.peak > plan.lower_bound
    assert not orionrt.plan(HARD[:5], cancel=orionrt.Cancel()).interrupted


def test_two_threads_plan_at_once() -> None:
    both = threading.Barrier(2)
    plans: list[orionrt.Plan] = []

    def progress(_: orionrt.Progress) -> bool:
        both.wait(timeout=60)
        return False

    def plan() -> None:
        plans.append(orionrt.plan(HARD, time_limit=LIMIT, progress=progress))

    threads = [threading.Thread(target=plan) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(plans) == 2 and all(plan.interrupted for plan in plans)


def test_other_threads_run_during_a_search() -> None:
    cancel = orionrt.Cancel()
    counted: list[int] = []

    def count() -> None:
        # With the lock held by the search, this would never end it.
        for number in range(1000):
            counted.append(number)
        cancel.cancel()

    thread = threading.Timer(0.1, count)
    thread.start()
    plan = orionrt.plan(HARD, time_limit=LIMIT, cancel=cancel)
    assert len(counted) == 1000 and plan.interrupted
    thread.join()
