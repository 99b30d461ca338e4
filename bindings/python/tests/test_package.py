"""The package as users have it: the README's examples, types, help, and the command line."""

import contextlib
import inspect
import json
import os
import pydoc
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import orionrt
import orionrt.tflite

TOP = Path(__file__).resolve().parent.parent
EXAMPLES = re.findall(r"^```python\n(.*?)^```", (TOP / "README.md").read_text(), re.M | re.S)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_readme(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})


CHECKERS = {
    "mypy": ["--strict", "--cache-dir=.cache", "."],
    "pyright": ["--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_types_of_the_package_and_of_the_examples(checker: str, tmp_path: Path) -> None:
    pytest.importorskip(checker)
    sources = TOP / "python" / "orionrt"
    shutil.copytree(sources, tmp_path / "orionrt", ignore=shutil.ignore_patterns("*.so"))
    for index, example in enumerate(EXAMPLES):
        # `onnx` has not all of the types that strict checks ask for.
        mode = "basic" if "import onnx" in example else "strict"
        (tmp_path / f"example_{index}.py").write_text(f"# pyright: {mode}\n{example}")
    settings = {"typeCheckingMode": "strict", "reportMissingModuleSource": False}
    # A package may use its own private modules.
    settings["reportPrivateUsage"] = False
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", checker, *CHECKERS[checker]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_is_there_and_is_explained() -> None:
    for name in orionrt.__all__:
        assert getattr(orionrt, name).__doc__, name
    text = orionrt.plan.__doc__ or ""
    assert "bytes" in text and "seconds" in text


@pytest.mark.parametrize("function", [orionrt.plan_model, orionrt.share, orionrt.tflite.plan_file])
def test_every_keyword_of_a_search_is_shown(function: Callable[..., Any]) -> None:
    shown = inspect.signature(function).parameters
    for name, expected in inspect.signature(orionrt.plan).parameters.items():
        if expected.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY
        # These two have defaults of their own.
        if name not in ("alignment", "on_interrupt"):
            assert shown[name].default == expected.default
        assert f"{name}:" in pydoc.render_doc(function)


@pytest.mark.parametrize(
    "call",
    [
        lambda: orionrt.plan([], capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.plan_model(b"", capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.read_model(b"", capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.share({}, capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.check([], [], capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.load("plan.json", capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.tflite.plan_file("a", "b", capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.Graph().op("a", capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.Graph().lifetimes(capasity=1),  # type: ignore[call-arg]
        lambda: orionrt.Arena(orionrt.plan([]), capasity=1),  # type: ignore[call-arg]
    ],
)
def test_a_keyword_that_is_not_there_is_named_with_its_function(call: Callable[[], Any]) -> None:
    names = r"plan|plan_model|read_model|share|check|load|plan_file|op|lifetimes|__new__"
    with pytest.raises(TypeError, match=rf"\b({names})\(\) got .*'capasity'") as raised:
        call()
    assert "Limits" not in str(raised.value)


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,lower,upper,size\na,0,2,10\nb,1,3,20\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "orionrt", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    done = run("plan", "rows.csv", "--output", "plan.json", "--json")
    assert done.returncode == 0 and '"peak":30' in done.stdout, done.stderr
    assert orionrt.load(tmp_path / "plan.json").peak == 30
    assert run("plan", "none.csv").returncode == 1
    assert run("plan", "rows.csv", "--capacity", "25").returncode == 3
    refused = run("pln")
    assert refused.returncode == 2 and "orionrt" in refused.stderr


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
made = interpreters.create("legacy") if hasattr(interpreters, "new_config") else None
made = interpreters.create() if made is None else made
code = "try:\\n import orionrt\\nexcept ImportError as error:\\n print(error, flush=True)"
{first}
interpreters.run_string(made, code)
{then}
"""


@pytest.mark.parametrize(
    ("first", "then"), [("import orionrt", ""), ("", "import orionrt; print(orionrt.plan([]))")]
)
def test_a_subinterpreter_is_refused(first: str, then: str) -> None:
    code = SUBINTERPRETER.format(first=first, then=then)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("only the main interpreter of a process can import orionrt")
    assert ("<Plan: 0 tensors" in done.stdout) == bool(then)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_ctrl_c_ends_the_command_line(tmp_path: Path) -> None:
    pipe = tmp_path / "rows.csv"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "orionrt", "plan", str(pipe)]
    process = subprocess.Popen(command)
    writer = None
    while writer is None and process.poll() is None:
        with contextlib.suppress(OSError):
            # Refused until the command reads, which then waits for the first byte.
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    assert writer is not None
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=60) == -signal.SIGINT
    finally:
        process.kill()
        os.close(writer)
