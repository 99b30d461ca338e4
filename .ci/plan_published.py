"""Plans every published model of `published.py` with one command each, and checks the plan.

Each must have a plan at its lower bound, and the plan must be one of the model: `orionrt check
--model` makes the lifetimes anew. Prints a line a model; the exit status is 1 if one fails.

Usage: plan_published.py BINARY FOLDER; the models are fetched to the folder.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import published


def planned(binary, path, options):
    """The program's answer about a model, after checking the plan against the model."""
    with tempfile.TemporaryDirectory() as scratch:
        plan = pathlib.Path(scratch) / "plan.json"
        command = [binary, "plan", path, *options, "--json", "--output", plan]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if done.returncode:
            return None, done.stderr
        check = [binary, "check", plan, "--model", path]
        checked = subprocess.run(check, capture_output=True, check=False, text=True)
        return json.loads(done.stdout), checked.stderr


def is_obeyable(binary, path, options):
    """Whether a plan in a copy of a TensorFlow Lite model is one of the order of the file."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "planned.tflite"
        plan = [binary, "plan", path, *options, "--output", copy]
        refused = subprocess.run([*plan, "--order", "memory"], capture_output=True, check=False)
        if refused.returncode != 2 or copy.exists():
            return False
        for aliasing in ("off", "views"):
            subprocess.run([*plan, "--aliasing", aliasing], check=True, capture_output=True)
            show = [binary, "plan", copy, *options, "--json"]
            done = subprocess.run(show, check=True, capture_output=True, text=True)
            if not json.loads(done.stdout)["own_plan"]["valid"]:
                return False
    return True


def main():
    binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    published.fetch(folder, published.MODELS)
    failed = 0
    for model in published.MODELS:
        path = model.path(folder)
        report, error = planned(binary, path, model.options)
        name = f"{model.package}: {path.name}"
        if report is None or error or not report["optimal"]:
            failed += 1
            print(f"{name:60} {error or 'not proven optimal'}")
            continue
        if path.suffix == ".tflite" and not is_obeyable(binary, path, model.options):
            failed += 1
            print(f"{name:60} the plan in its copy is not valid")
            continue
        left_out = len(report["left_out"])
        print(
            f"{name:60} {report['buffers']:>5} tensors {report['peak']:>10} bytes, loaded in"
            f" {report['load_ms']:5.1f} ms, {left_out} left out"
        )
    print(f"{len(published.MODELS) - failed} of {len(published.MODELS)} planned at their optimum")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
