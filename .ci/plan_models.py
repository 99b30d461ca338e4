"""Plans real ONNX models and checks the plans.

At least eight of the nine real models must have a plan at their lower bound, and all must have
valid plans with views and with results in place.

Usage: plan_models.py BINARY FOLDER [MODEL...]; the folder holds the nine models, and the other
models are generated ones.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

SAME_IN_BOTH = ("buffers", "peak", "load")


def output_of(*command):
    """The JSON object that a command prints."""
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def planned(binary, model, form, aliasing):
    """The program's report about the plan that it writes, after checking that plan."""
    with tempfile.TemporaryDirectory() as scratch:
        plan = pathlib.Path(scratch) / f"plan.{form}"
        options = ["--aliasing", aliasing, "--json", "--output", plan]
        report = output_of(binary, "plan", model, *options)
        checked = output_of(binary, "check", plan, "--json")
    for name in SAME_IN_BOTH:
        assert checked[name] == report[name], f"{model}: plan and check disagree on {name}"
    assert report["peak"] >= report["lower_bound"]
    assert report["optimal"] == (report["peak"] == report["lower_bound"])
    return report


def plan_without_aliasing(binary, models):
    """A table of the plans; returns how many are at their lower bound."""
    print(
        f"{'model':24} {'buffers':>7} {'sum':>13} {'peak':>11} {'bound':>11} {'ratio':>6}"
        f" {'plan ms':>8} {'load ms':>8}"
    )
    optimal = 0
    for model in models:
        report = planned(binary, model, "csv", "off")
        optimal += report["optimal"]
        print(
            f"{model.stem:24} {report['buffers']:>7} {report['total_bytes']:>13}"
            f" {report['peak']:>11} {report['lower_bound']:>11} {report['ratio']:>6.4f}"
            f" {report['elapsed_ms']:>8.2f} {report['load_ms']:>8.1f}"
        )
    print(f"{optimal} of {len(models)} at the lower bound")
    return optimal


def plan_with_aliasing(binary, models):
    """A table of the load with tensors within others, and of each peak over its bound."""
    print(
        f"\n{'model':24} {'load: off':>11} {'views':>11} {'in place':>11} {'parts':>11}"
        f" {'peak / bound of each':>28} {'within others':>14} {'not copied':>11}"
    )
    for model in models:
        kinds = ("off", "views", "in-place", "parts")
        reports = [planned(binary, model, "json", aliasing) for aliasing in kinds]
        off, views, in_place, parts = (report["load"] for report in reports)
        ratios = " ".join(f"{report['ratio']:.4f}" for report in reports)
        print(
            f"{model.stem:24} {off:>11} {views:>11} {in_place:>11} {parts:>11} {ratios:>28}"
            f" {reports[3]['aliased']:>14} {reports[3]['uncopied']:>11}"
        )
        for report in reports[1:]:
            assert report["load_without_aliasing"] == off
        # A view keeps all of its tensor alive, so views alone may need more than copies.
        assert in_place <= views, f"{model}: results in place need more"
        peaks = [report["peak"] for report in reports]
        assert peaks[3] <= peaks[2], f"{model}: operands within concatenations need more"


def main():
    binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    models = sorted(folder.glob("light_*.onnx"))
    generated = [pathlib.Path(path) for path in sys.argv[3:]]
    assert len(models) == 9, f"expected nine models in {folder}, found {len(models)}"
    optimal = plan_without_aliasing(binary, models)
    assert optimal >= 8, "fewer than eight models at their lower bound"
    plan_with_aliasing(binary, models + generated)


if __name__ == "__main__":
    main()
