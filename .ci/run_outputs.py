"""Compares what `orionrt run` computes with what ONNX Runtime does, on the same inputs.

Usage: run_outputs.py BINARY MODEL...; needs numpy and onnxruntime. BINARY is built with the feature
`engine`. The two engines sum in different orders, so elements may differ by a thousandth of the
largest one.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

TOLERANCE = 1e-3


def arrays(folder, kind):
    """The arrays that the program wrote, in order."""
    files = sorted(folder.glob(f"{kind}-*.npy"), key=lambda path: int(path.stem.split("-")[1]))
    return [np.load(path) for path in files]


def largest_difference(binary, model):
    """The largest difference of two elements, relative to the largest element of its output."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        command = [binary, "run", model, "--iterations", "1", "--time-limit", "1", "--json"]
        subprocess.run([*command, "--save", folder], check=True, stdout=subprocess.DEVNULL)
        inputs, outputs = arrays(folder, "input"), arrays(folder, "output")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    assert len(names) == len(inputs), f"{model}: {len(inputs)} inputs, expected {len(names)}"
    expected = session.run(None, dict(zip(names, inputs)))
    assert len(expected) == len(outputs), f"{model}: the number of outputs differs"
    worst = 0.0
    for one, other in zip(outputs, expected):
        assert one.shape == other.shape, f"{model}: {one.shape}, expected {other.shape}"
        scale = max(float(np.abs(other).max(initial=0.0)), 1e-30)
        difference = np.abs(one.astype(np.float64) - other.astype(np.float64))
        difference[np.isnan(one) & np.isnan(other)] = 0.0
        assert not np.isnan(difference).any(), f"{model}: one engine alone computes no number"
        worst = max(worst, float(difference.max(initial=0.0)) / scale)
    return worst


def main():
    binary, models = sys.argv[1], [pathlib.Path(model) for model in sys.argv[2:]]
    failed = False
    for model in models:
        difference = largest_difference(binary, model)
        failed |= difference > TOLERANCE
        print(f"{model.stem:28} largest difference {difference:.1e} of the largest element")
    sys.exit(failed)


if __name__ == "__main__":
    main()
