"""Inference with onnxruntime on a model, whose inputs are ones."""

import sys

import numpy
import onnxruntime

KINDS = {"tensor(float)": numpy.float32, "tensor(int64)": numpy.int64}


def main():
    """Runs the model of the first argument so often as the second says."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(sys.argv[1], options)
    given = {
        one.name: numpy.ones([d if isinstance(d, int) else 1 for d in one.shape], KINDS[one.type])
        for one in session.get_inputs()
    }
    for _ in range(int(sys.argv[2])):
        session.run(None, given)


main()
