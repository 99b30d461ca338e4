"""Plans every real ONNX model and checks the plans: at least eight of the nine at their lower bound."""

import json
import pathlib
import subprocess
import sys
import tempfile

binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
models = sorted(folder.glob("light_*.onnx"))
optimal = 0
print(f"{'model':24} {'buffers':>7} {'sum':>13} {'peak':>11} {'bound':>11} {'ratio':>6} {'plan ms':>8} {'load ms':>8}")
for model in models:
    with tempfile.TemporaryDirectory() as scratch:
        plan = pathlib.Path(scratch) / "plan.csv"
        run = subprocess.run([binary, "plan", model, "--json", "--output", plan], check=True, capture_output=True)
        report = json.loads(run.stdout)
        subprocess.run([binary, "check", plan], check=True, capture_output=True)
    assert report["peak"] >= report["lower_bound"] and report["optimal"] == (report["peak"] == report["lower_bound"])
    optimal += report["optimal"]
    print(
        f"{model.stem:24} {report['buffers']:>7} {report['total_bytes']:>13} {report['peak']:>11} {report['lower_bound']:>11}"
        f" {report['ratio']:>6.4f} {report['elapsed_ms']:>8.2f} {report['load_ms']:>8.1f}"
    )
print(f"{optimal} of {len(models)} at the lower bound")
assert len(models) == 9, f"expected nine models in {folder}"
assert optimal >= 8, "fewer than eight models at their lower bound"
