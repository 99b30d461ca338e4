"""A notebook shows a plan as a picture. Needs the package ipython."""

from pathlib import Path

import pytest

IPython = pytest.importorskip("IPython.core.interactiveshell")

CELLS = [
    "import orionrt",
    "rows = [('a', 0, 2, 1024), ('b', 1, 3, 2048), ('c', 2, 4, 1024)]",
    "plan = orionrt.plan(rows)\nplan",
]


def test_the_value_of_a_cell_is_shown_as_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = IPython.InteractiveShell()
    done = [shell.run_cell(cell) for cell in CELLS]
    assert all(cell.success for cell in done)
    # What a kernel sends to the notebook, by type; the notebook takes the richest.
    shown, _ = shell.display_formatter.format(done[-1].result)
    assert shown["text/plain"] == "<Plan: 3 tensors, peak 3072 bytes, optimal>"
    picture = shown["text/html"]
    assert picture.startswith("<p>3 tensors") and picture.count('class="tensor"') == 3
    assert "image/svg+xml" not in shown, "a notebook would show the picture twice"
