#!/usr/bin/env python3
"""Checks memory snapshots of plans of real models, as PyTorch's viewer would read them.

    python3 .ci/snapshots.py BINARY MODEL...

Each model is planned as it is, and with results in place in a better order. An independent reader,
which loads lists, dictionaries, texts and numbers alone, recomputes the bytes alive at once and
checks that no two blocks that are allocated have a byte in common. The command line reads the
snapshot, too, and must find the same; its page must have each block in the segment that it was in.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READER = ROOT / "cli/tests/orionrt/snapshot/read.py"
PAGE_READER = ROOT / "viewer/tests/read_page.py"
OPTIONS = ((), ("--aliasing", "in-place", "--order", "memory"))


def output_of(*command):
    """The JSON object that a command prints."""
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def check(binary, model, options, folder):
    """Checks a snapshot; returns the number of its blocks, the load and the peak of the plan."""
    snapshot = folder / "snapshot.pickle"
    report = output_of(binary, "plan", model, *options, "--snapshot", snapshot, "--json")
    shown = output_of(sys.executable, READER, snapshot)
    load, peak = report["load"], report["peak"]
    assert (shown["peak"], shown["reserved"]) == (load, peak), model
    assert len(shown["blocks"]) == report["buffers"], model
    operators = {operator for _, operator, *_ in shown["blocks"]} - {None}
    assert operators and operators <= set(report["order"]), model
    alignment = ("--alignment", str(report["alignment"]))
    page = folder / "snapshot.html"
    again = output_of(binary, "plan", snapshot, *alignment, "--html", page, "--json")
    allocated, planned = output_of(sys.executable, PAGE_READER, page)["maps"]
    recorded = allocated["recorded"]
    assert (allocated["load"], recorded["most"]) == (load, peak), model
    assert recorded["in_ranges"] == report["buffers"], model
    assert planned["load"] == load and planned["recorded"] is None, model
    facts = again["snapshot"]
    assert (facts["live_peak"], facts["reserved_peak"]) == (load, peak), model
    assert again["load"] == load and again["lower_bound"] == report["lower_bound"], model
    if report["optimal"] and again["optimal"]:
        assert again["peak"] == peak, model
    return len(shown["blocks"]), load, peak


def main():
    binary, models = Path(sys.argv[1]).resolve(), sys.argv[2:]
    print(f"{'model':32} {'options':36} {'blocks':>7} {'load':>12} {'peak':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            for options in OPTIONS:
                blocks, load, peak = check(binary, model, options, Path(folder))
                shown = " ".join(options)
                print(f"{Path(model).name:32} {shown:36} {blocks:>7} {load:>12} {peak:>12}")


if __name__ == "__main__":
    main()
