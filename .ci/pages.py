#!/usr/bin/env python3
"""Checks pages of real models against the plans that they show.

    python3 .ci/pages.py BINARY MODEL...

Each model is planned as it is, and with results in place in a better order. An independent reader
recomputes what is in the page; its figures must be those that the command line prints, and the file
at most 300 KB larger than one and a half times the compressed plan. The trace for Perfetto must
have the same load. Both plans on one page, those of two strategies, and the arena of all models
must have the same figures.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

READER = Path(__file__).resolve().parent.parent / "viewer/tests/read_page.py"
SAME = ("peak", "load", "lower_bound", "alignment", "strategy")
OPTIONS = ((), ("--aliasing", "in-place", "--order", "memory"))
MOST_BYTES = 300 * 1000


def output_of(*command):
    """The JSON object that a command prints."""
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def load_of(trace):
    """The most bytes alive in a trace for Perfetto."""
    events = json.loads(trace.read_text())["traceEvents"]
    return max(event["args"]["bytes"] for event in events if event["ph"] == "C")


def check(binary, model, options, folder):
    """Checks a page; returns its size and that of the compressed plan, in bytes."""
    page, plan, trace = (folder / name for name in ("page.html", "plan.json", "trace.json"))
    files = ("--html", page, "--output", plan, "--perfetto", trace)
    report = output_of(binary, "plan", model, *options, *files, "--json")
    facts = output_of(sys.executable, READER, page)
    shown = facts["maps"][0]
    for name in SAME:
        assert shown[name] == report[name], f"{model}: {name} is {shown[name]} in the page"
    assert shown["is_optimal"] == report["optimal"], model
    assert shown["least_alignment"] == report["alignment"], model
    assert shown["tensors"] - shown["within"] == report["buffers"], model
    assert shown["operators"] == len(report["order"]), model
    assert load_of(trace) == report["load"], model
    packed = len(gzip.compress(plan.read_bytes()))
    size = page.stat().st_size
    assert size <= 1.5 * packed + MOST_BYTES, f"{model}: {size} bytes, {packed} of the plan"
    return size, packed


def check_both(binary, model, folder):
    """A plan of the model as it is, beside one with other options."""
    plan, page = folder / "before.json", folder / "both.html"
    before = output_of(binary, "plan", model, "--output", plan, "--json")
    after = output_of(binary, "plan", model, *OPTIONS[1], "--json")
    both = ("view", plan, model, *OPTIONS[1], "--html", page, "--no-open")
    subprocess.run((binary, *both), check=True, capture_output=True)
    facts = output_of(sys.executable, READER, page)
    assert [shown["title"] for shown in facts["maps"]] == [plan.name, Path(model).name], model
    for shown, report in zip(facts["maps"], (before, after)):
        for name in ("peak", "load", "lower_bound"):
            assert shown[name] == report[name], f"{model}: {name} is {shown[name]} beside others"
    assert facts["changes"][0]["common"] > 0, model


def check_strategies(binary, model, folder):
    """The best strategy beside the baseline."""
    page = folder / "strategies.html"
    report = output_of(binary, "compare", model, "--nodes", "1000", "--html", page, "--json")
    peaks = {entry["strategy"]: entry.get("peak") for entry in report["strategies"]}
    facts = output_of(sys.executable, READER, page)
    assert facts["maps"][-1]["title"] == report["best"], model
    for shown in facts["maps"]:
        assert shown["peak"] == peaks[shown["title"]], f"{model}: {shown['title']}"


def check_arena(binary, models, folder):
    """The arena that all models share, beside a region for each."""
    page = folder / "arena.html"
    report = output_of(binary, "share", *models, "--html", page, "--json")
    apart, shared = output_of(sys.executable, READER, page)["maps"]
    assert apart["peak"] == report["isolated_sum"], f"{apart['peak']} apart"
    assert shared["peak"] == report["shared_peak"], f"{shared['peak']} shared"
    names = [model["name"] for model in report["models"]]
    assert list(shared["groups"]) == names, f"{list(shared['groups'])} in the page"


def main():
    binary, models = Path(sys.argv[1]).resolve(), sys.argv[2:]
    print(f"{'model':32} {'options':36} {'page':>9} {'plan, gz':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            for options in OPTIONS:
                size, packed = check(binary, model, options, Path(folder))
                print(f"{Path(model).name:32} {' '.join(options):36} {size:>9} {packed:>9}")
            check_both(binary, model, Path(folder))
            check_strategies(binary, model, Path(folder))
        check_arena(binary, models, Path(folder))


if __name__ == "__main__":
    main()
