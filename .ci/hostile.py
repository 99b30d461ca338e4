"""Commands on files made to do harm: each ends in time, in little memory, and says what is wrong.

    hostile.py BINARY [--all] [--only TEXT] [--factor N] [--megabytes N]

The files are made by hostile_files.py, of about a megabyte each and the same on every machine. Each
command must end within a second of processor time beside its time limit, use at most 300 MiB, end
with a status that its case expects, without a panic, and leave no file behind but those that it was
told to write, and these only if it succeeds. --factor allows more time, for builds without
optimisation. --all reads each model in three ways instead of one. Prints one line for each command
and fails if any is over, if there is none, or if nearly all of them end in the same way: some files
are harmless, others are not.
"""

import argparse
import collections
import multiprocessing
import os
import pathlib
import queue as queues
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SECONDS = 1.0
TIME_LIMIT = 0.1
MEBIBYTES = 300
# Of all commands, so many succeed, and so many refuse their files.
LEAST_SHARE = 0.25
# A command is ended at so many times what it may take, and if it does nothing for minutes.
PATIENCE = 5
HANGS = 180.0


class Outcome:
    """How a command ended."""

    def __init__(self, status, usage, errors, left):
        self.status = status
        self.seconds = usage.ru_utime + usage.ru_stime
        self.mebibytes = usage.ru_maxrss / 1024
        self.errors = errors
        self.left = left

    def faults(self, seconds, statuses):
        """What must not be, in words."""
        if self.status in (-signal.SIGXCPU, -signal.SIGKILL):
            yield "it had to be ended"
        elif self.status not in statuses:
            yield f"status {self.status}, expected {' or '.join(map(str, statuses))}"
        if self.seconds > seconds:
            yield f"{self.seconds:.1f} s"
        if self.mebibytes > MEBIBYTES:
            yield f"{self.mebibytes:.0f} MiB"
        if "panicked" in self.errors:
            yield "a panic"
        if self.status > 0 and not self.errors:
            yield "no message"
        if len(self.errors) > 100_000:
            yield f"a message of {len(self.errors):,} bytes"
        if self.left:
            yield f"left or lacks {', '.join(self.left)}"


def write_cases(queue, folder, options):
    """Writes the files of each case into a folder of its own, and says where."""
    import hostile_files

    try:
        all_cases = hostile_files.cases(int(options.megabytes * 1e6), options.all)
        for number, case in enumerate(all_cases):
            if options.only in case.name:
                files = pathlib.Path(folder, str(number))
                files.mkdir()
                for name, content in case.files.items():
                    (files / name).write_bytes(content)
                case.files = files
                queue.put(case)
    finally:
        queue.put(None)


def written(queue, writer):
    """The cases whose files are written; none after the writer has died."""
    while True:
        try:
            case = queue.get(timeout=1)
        except queues.Empty:
            if writer.is_alive():
                continue
            return
        if case is None:
            return
        yield case


def arguments(command):
    """A command with its time limit."""
    limited = command[0] in ("plan", "compare", "share")
    return [*command, *(["--time-limit", str(TIME_LIMIT)] if limited else [])]


def run(binary, files, command, outputs, seconds):
    """Runs a command in the folder with its files."""
    before = {path.name for path in files.iterdir()}
    most = int(seconds * PATIENCE) + 1
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [binary, *arguments(command)],
            cwd=files,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1)),
        )
        timer = threading.Timer(HANGS, child.kill)
        timer.start()
        # Its peak of memory would be that of this process if this were larger.
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    after = {path.name for path in files.iterdir()}
    written = set(outputs) if child.returncode == 0 else set()
    left = sorted((after - before) ^ (written - before))
    return Outcome(child.returncode, usage, text, left)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--all", action="store_true", help="read models in every way")
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--megabytes", type=float, default=1.0)
    options = parser.parse_args()
    # What a crash would leave behind is of no use here.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    binary = options.binary.resolve()
    count = over = 0
    ends = collections.Counter()
    print(f"{'case':52} {'status':>6} {'s':>6} {'MiB':>5}  message")
    with tempfile.TemporaryDirectory(prefix="orionrt-hostile-") as folder:
        queue = multiprocessing.Queue(8)
        given = (queue, folder, options)
        writer = multiprocessing.Process(target=write_cases, args=given, daemon=True)
        writer.start()
        for case in written(queue, writer):
            seconds = (SECONDS + case.searches * TIME_LIMIT) * options.factor
            outcome = run(binary, case.files, case.command, case.outputs, seconds)
            shutil.rmtree(case.files)
            faults = list(outcome.faults(seconds, case.statuses))
            ends[outcome.status] += 1
            message = outcome.errors.strip().splitlines()[:1] or [""]
            numbers = f"{outcome.status:6} {outcome.seconds:6.2f} {outcome.mebibytes:5.0f}"
            print(f"{case.name:52} {numbers}  {ascii(message[0])[1:-1][:70]}", flush=True)
            if faults:
                print(f"    OVER: {'; '.join(faults)}", flush=True)
            count, over = count + 1, over + bool(faults)
        writer.join()
    if writer.exitcode:
        sys.exit(f"the files could not be written: status {writer.exitcode}")
    if over or not count:
        sys.exit(f"{over} of {count} commands are over")
    if not options.only and min(ends[0], ends[1]) < LEAST_SHARE * count:
        found = f"{ends[0]} of {count} commands succeed and {ends[1]} refuse their files"
        sys.exit(f"{found}; expected {LEAST_SHARE:.0%} of each")
    print(f"{count} commands, none is over")


if __name__ == "__main__":
    main()
