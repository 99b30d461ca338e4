"""Runs real ONNX models with replayed memory.

Checks that at least 99 % of the requests are served from the plan, that the plan is at most 1 %
above its lower bound, that the outputs are identical in all modes, and that the steady state has no
page fault. An independent reader of the page that is written finds the blocks that the heap had in
their memory pages, and the plan of the same lifetimes.

Usage: run_models.py BINARY MODEL...
"""

import json
import pathlib
import subprocess
import sys
import tempfile

READER = pathlib.Path(__file__).resolve().parent.parent / "viewer/tests/read_page.py"


def output_of(*command):
    """The JSON object that a command prints."""
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def check(binary, model):
    """Runs a model, prints its row and checks its numbers."""
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder, "page.html")
        report = output_of(binary, "run", model, "--iterations", "4", "--html", page, "--json")
        allocated, planned = output_of(sys.executable, READER, page)["maps"]
    assert allocated["recorded"]["page_size"] == 4096, "no memory pages"
    assert planned["lower_bound"] == report["lower_bound"], "the page is of another plan"
    ratio = report["planned_bytes"] / report["lower_bound"]
    faults = report["replay"]["page_faults_per_iteration"]
    cpu = report["cpu_ratio_to_system"]
    print(
        f"{model.stem:22} {100 * report['hit_rate']:>7.2f} {report['planned_bytes']:>10}"
        f" {ratio:>6.4f} {faults:>6}"
        f"   {cpu['orion']['ratio']:.3f} {cpu['replay']['ratio']:.3f}"
    )
    assert report["outputs_equal"], "the outputs differ"
    assert report["hit_rate"] >= 0.99, "fewer than 99 % of the requests were served from the plan"
    assert ratio <= 1.01, "the plan is more than 1 % above its lower bound"
    assert faults == 0, "page faults in steady state"


def main():
    binary, models = sys.argv[1], [pathlib.Path(model) for model in sys.argv[2:]]
    print(
        f"{'model':22} {'hits %':>7} {'planned':>10} {'ratio':>6} {'faults':>6}"
        "   CPU time over the system's: orion, replay (few runs, so only an indication)"
    )
    for model in models:
        check(binary, model)


if __name__ == "__main__":
    main()
