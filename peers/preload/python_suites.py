#!/usr/bin/env python3
"""Python's own test suites on liborionrt.so and without it: do they have the same results?

    python3 peers/preload/python_suites.py [PYTHON]

Every object of the program is a block of the heap (`PYTHONMALLOC=malloc`). The Python must have its
tests, as one that was built from source has (`python -m test`). Takes some minutes.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = ROOT / "target" / "release" / "liborionrt.so"
SUITES = """
test_array test_ast test_atexit test_builtin test_bytes test_bz2 test_capi test_collections
test_compile test_context test_contextlib test_copy test_ctypes test_decimal test_deque test_dict
test_dis test_exceptions test_float test_fork1 test_functools test_gc test_generators test_hashlib
test_heapq test_import test_importlib test_io test_itertools test_json test_list test_logging
test_long test_lzma test_marshal test_memoryio test_memoryview test_mmap test_os test_pickle
test_posix test_queue test_re test_set test_signal test_sort test_sqlite3 test_statistics
test_string test_struct test_tempfile test_thread test_threading test_threadsignals test_traceback
test_types test_unicode test_wait3 test_wait4 test_weakref test_xml_etree test_zlib
""".split()


def present(python):
    """Those of the suites that this Python has."""
    script = "import os, test; print(*os.listdir(os.path.dirname(test.__file__)))"
    found = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True)
    names = {name.removesuffix(".py") for name in found.stdout.split()}
    return [suite for suite in SUITES if suite in names]


def results(python, suites, environment):
    """How many tests ran, failed and were skipped, and which suites failed."""
    command = [python, "-m", "test", "-j1", *suites]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONMALLOC": "malloc", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode not in (0, 2):
        raise RuntimeError(f"{command[0]} -m test: status {done.returncode}\n{done.stdout[-500:]}")
    counts = (re.search(r"^Total tests: .*$", done.stdout, re.M)
              or re.search(r"^== Tests result: .*$", done.stdout, re.M))
    failed = sorted(set(re.findall(r"^test (\w+) failed", done.stdout, re.M)))
    return counts.group(0) if counts else done.stdout[-500:], failed


def main():
    """Prints both results; fails if they differ."""
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    suites = present(python)
    print(f"{len(suites)} of {len(SUITES)} suites are there", flush=True)
    with_it = results(python, suites, {"LD_PRELOAD": str(LIBRARY)})
    without = results(python, suites, {})
    for name, (counts, failed) in (("on liborionrt.so", with_it), ("without it", without)):
        print(f"{name}: {counts}; suites that failed: {', '.join(failed) or 'none'}")
    return with_it != without


if __name__ == "__main__":
    sys.exit(main())
