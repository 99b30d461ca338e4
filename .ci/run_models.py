"""Runs real ONNX models with replayed memory: served from the plan, at the lower bound, the same bits, no page fault."""

import json
import pathlib
import subprocess
import sys

binary, models = sys.argv[1], [pathlib.Path(model) for model in sys.argv[2:]]
print(f"{'model':22} {'hits %':>7} {'planned':>10} {'ratio':>6} {'faults':>6}   CPU time of system's (orion, replay; a few runs: no measurement)")
for model in models:
    run = subprocess.run([binary, "run", model, "--iterations", "4", "--json"], check=True, capture_output=True)
    report = json.loads(run.stdout)
    ratio = report["planned_bytes"] / report["lower_bound"]
    faults = report["replay"]["page_faults_per_iteration"]
    cpu = report["cpu_ratio_to_system"]
    print(
        f"{model.stem:22} {100 * report['hit_rate']:>7.2f} {report['planned_bytes']:>10} {ratio:>6.4f} {faults:>6}"
        f"   {cpu['orion']['ratio']:.3f} {cpu['replay']['ratio']:.3f}"
    )
    assert report["outputs_equal"], "the outputs differ"
    assert report["hit_rate"] >= 0.99, "fewer than 99 % of the requests were served from the plan"
    assert ratio <= 1.01, "the plan is more than 1 % above its lower bound"
    assert faults == 0, "page faults in steady state"
