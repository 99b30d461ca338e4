"""Searches: the interpreter's lock is free, and signals, callbacks and threads end them."""

import signal
import threading

import pytest

import orionrt

# The search for a plan at the lower bound goes on for minutes.
HARD = [
    (str(i), i * 31 % 97, i * 31 % 97 + 1 + i * 17 % 29, 1 + i * i * 7919 % 10007)
    for i in range(400)
]


def test_the_callback_ends_a_search() -> None:
    seconds: list[float] = []

    def progress(passed: float) -> bool:
        seconds.append(passed)
        return len(seconds) < 3

    plan = orionrt.plan(HARD, time_limit=600, progress=progress)
    assert plan.interrupted and plan.peak > plan.lower_bound
    assert len(seconds) == 3 and seconds == sorted(seconds)
    assert not orionrt.plan(HARD[:5]).interrupted


def test_an_exception_of_the_callback_is_raised() -> None:
    def progress(_: float) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        orionrt.plan(HARD, time_limit=600, progress=progress)


def test_ctrl_c_gives_the_best_plan_until_then() -> None:
    calls: list[float] = []

    def progress(passed: float) -> None:
        calls.append(passed)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    # The signal arrives in the callback, or between two calls.
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    plan = orionrt.plan(HARD, time_limit=600)
    timer.join()
    assert plan.interrupted
    with pytest.raises(KeyboardInterrupt):
        orionrt.plan(HARD, time_limit=600, progress=progress)


def test_another_handler_of_signals_may_raise() -> None:
    def handler(*_: object) -> None:
        raise TimeoutError("too late")

    before = signal.signal(signal.SIGINT, handler)
    try:
        timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(TimeoutError, match="too late"):
            orionrt.plan(HARD, time_limit=600)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_ends_a_search() -> None:
    cancel = orionrt.Cancel()
    timer = threading.Timer(0.2, cancel.cancel)
    timer.start()
    plan = orionrt.plan(HARD, time_limit=600, cancel=cancel)
    timer.join()
    assert cancel.cancelled and plan.peak > plan.lower_bound


def test_two_threads_plan_at_once() -> None:
    both = threading.Barrier(2)
    plans: list[orionrt.Plan] = []

    def progress(_: float) -> bool:
        both.wait(timeout=60)
        return False

    def plan() -> None:
        plans.append(orionrt.plan(HARD, time_limit=600, progress=progress))

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
    orionrt.plan(HARD, time_limit=600, cancel=cancel)
    assert len(counted) == 1000
    thread.join()
