"""Plans models and checks the plans: of the nine real ONNX models at least eight at their lower bound, and all with tensors within others.

Usage: plan_models.py BINARY FOLDER [MODEL...]; the folder has the nine, further models are generated ones.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
models = sorted(folder.glob("light_*.onnx"))
generated = [pathlib.Path(path) for path in sys.argv[3:]]


def planned(model, form, aliasing):
    """What the program says of the plan that it writes, once that is checked."""
    with tempfile.TemporaryDirectory() as scratch:
        plan = pathlib.Path(scratch) / f"plan.{form}"
        command = [binary, "plan", model, "--aliasing", aliasing, "--json", "--output", plan]
        run = subprocess.run(command, check=True, capture_output=True)
        report = json.loads(run.stdout)
        check = subprocess.run([binary, "check", plan, "--json"], check=True, capture_output=True)
        checked = json.loads(check.stdout)
    assert [checked[name] for name in ("buffers", "peak", "load")] == [report[name] for name in ("buffers", "peak", "load")]
    assert report["peak"] >= report["lower_bound"] and report["optimal"] == (report["peak"] == report["lower_bound"])
    return report


optimal = 0
print(f"{'model':24} {'buffers':>7} {'sum':>13} {'peak':>11} {'bound':>11} {'ratio':>6} {'plan ms':>8} {'load ms':>8}")
for model in models:
    report = planned(model, "csv", "off")
    optimal += report["optimal"]
    print(
        f"{model.stem:24} {report['buffers']:>7} {report['total_bytes']:>13} {report['peak']:>11} {report['lower_bound']:>11}"
        f" {report['ratio']:>6.4f} {report['elapsed_ms']:>8.2f} {report['load_ms']:>8.1f}"
    )
print(f"{optimal} of {len(models)} at the lower bound")
assert len(models) == 9, f"expected nine models in {folder}"
assert optimal >= 8, "fewer than eight models at their lower bound"

# The load of each with tensors within others, and how far the peak of its plan is above the bound.
print(f"\n{'model':24} {'load: off':>11} {'views':>11} {'in place':>11} {'peak / bound of each':>21} {'within others':>14}")
for model in models + generated:
    reports = [planned(model, "json", aliasing) for aliasing in ("off", "views", "in-place")]
    off, views, in_place = (report["load"] for report in reports)
    ratios = " ".join(f"{report['ratio']:.4f}" for report in reports)
    print(f"{model.stem:24} {off:>11} {views:>11} {in_place:>11} {ratios:>21} {reports[2]['aliased']:>14}")
    assert reports[1]["load_without_aliasing"] == reports[2]["load_without_aliasing"] == off
    # A view keeps all of what it is a part of, so views alone may need more than copies.
    assert in_place <= views, f"{model}: results in place need more"
