#!/usr/bin/env python3
"""Runs the `orionrt` commands of the README, docs/cli.md and docs/viewer.md, in one empty folder.

    python3 .ci/examples.py BINARY MODELS

MODELS is a folder with the light models of the `onnx` package, which take the place of the files
that the examples name. A command fails the check if its exit status is not 0, or, where it asks for
a device, if this build, which has none, refuses it for another reason.
"""

import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/cli.md", "docs/viewer.md")
MODELS = {"model": "squeezenet", "a": "squeezenet", "b": "zfnet512", "c": "shufflenet"}
SNAPSHOT = {
    "segments": [],
    "device_traces": [
        [
            {"action": "alloc", "addr": 4096, "size": 1024},
            {"action": "free_completed", "addr": 4096, "size": 1024},
        ]
    ],
}
# Its content tells that it is not compressed.
RECORDING = "v 10400 3\nt 1 0\na 400 1\n+ 0\n- 0\n"
# A profile in pprof's format, with the type ("inuse_space", "bytes") and a sample of no function.
HEAP_PROFILE = (b"\n\x04\x08\x01\x10\x02\x12\x05\n\x01\x01\x10\x07\"\x02\x08\x01"
                b"2\x002\x0binuse_space2\x05bytes")
BUFFERS = "id,lower,upper,size\na,0,2,1024\nb,1,3,2048\nc,2,4,1024\n"


def commands(page):
    """The shell lines of a page that run `orionrt`, or make a file for a line that does."""
    text = (TOP / page).read_text()
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        for line in block.splitlines():
            line = re.sub(r"^\$ ", "", line)
            line = re.sub(r"\s+#.*$", "", line)
            if re.match(r"(orionrt|echo) ", line):
                yield line


def refuses_devices(line, done):
    """Whether a build without devices names the feature that has the one of this command."""
    return bool(done.returncode and "--device " in line and "--features " in done.stderr)


def main():
    binary, models = (Path(argument).resolve() for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, model in MODELS.items():
            shutil.copy(models / f"light_{model}.onnx", folder / f"{name}.onnx")
        for name in ("buffers", "new"):
            (folder / f"{name}.csv").write_text(BUFFERS)
        (folder / "snapshot.pickle").write_bytes(pickle.dumps(SNAPSHOT))
        (folder / "recording.zst").write_text(RECORDING)
        (folder / "heap.pb").write_bytes(HEAP_PROFILE)
        shutil.copy(TOP / "cli/tests/orionrt/xla/unet.txt", folder / "assignment.txt")
        path = f"{binary.parent}:{os.environ['PATH']}"
        # Pages that are to be opened lie there, and are not.
        environment = {**os.environ, "PATH": path, "TMPDIR": str(folder)}
        environment.pop("DISPLAY", None)
        environment.pop("WAYLAND_DISPLAY", None)
        run = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
        old = "orionrt plan buffers.csv --output old-plan.csv"
        failed = 0
        for line in [old, *(line for page in PAGES for line in commands(page))]:
            done = subprocess.run(["bash", "-c", line], check=False, **run)
            refused = refuses_devices(line, done)
            print(f"{done.returncode}  {line}{'  (needs a feature)' if refused else ''}")
            if done.returncode and not refused:
                print(done.stdout + done.stderr, file=sys.stderr)
                failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
