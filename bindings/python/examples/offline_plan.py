#!/usr/bin/env python3
"""Plans a TensorFlow Lite model for TensorFlow Lite Micro and writes the plan into a copy of it.

The words are those of `orionrt plan`, so that `.ci/run_tflite_micro.py` can call either.

usage: offline_plan.py plan MODEL.tflite --output OUTPUT.tflite
"""

import sys

import orionrt.tflite


def main() -> None:
    match sys.argv[1:]:
        case ["plan", source, "--output", target]:
            plan = orionrt.tflite.plan_file(source, target)
            print(f"{source}: {plan.peak} bytes, optimal: {plan.optimal}")
        case _:
            sys.exit("usage: offline_plan.py plan MODEL.tflite --output OUTPUT.tflite")


if __name__ == "__main__":
    main()
