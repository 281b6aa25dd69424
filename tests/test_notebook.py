"""Tests of the notebook in docs: its cells run in order, and its outputs are clean."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "how-to" / "notebook.ipynb"
CELLS = [
    cell
    for cell in json.loads(NOTEBOOK.read_text())["cells"]
    if cell["cell_type"] == "code"
]


def runnable():
    """Returns the sources of the cells whose libraries are installed."""
    has_pandas = importlib.util.find_spec("pandas") is not None
    return [
        "".join(cell["source"])
        for cell in CELLS
        if has_pandas or "pandas" not in cell["metadata"].get("tags", ())
    ]


@pytest.mark.extended
def test_the_cells_run_in_order(tmp_path):
    script = "\n\n".join([*runnable(), "print(repr(diagnosis))"])
    (tmp_path / "notebook.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "notebook.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "digit 0, predicted 0" in done.stdout
    assert "learning_rate_too_low (confirmed)" in done.stdout.splitlines()[-1]


def test_the_outputs_are_those_of_one_pass_without_errors():
    counts = [cell["execution_count"] for cell in CELLS]
    assert counts == list(range(1, len(CELLS) + 1))
    outputs = [output for cell in CELLS for output in cell["outputs"]]
    assert "error" not in {output["output_type"] for output in outputs}
    # Paths and messages of the machine are nobody's business.
    assert "stderr" not in {output.get("name") for output in outputs}
    assert "/home/" not in NOTEBOOK.read_text()
    assert NOTEBOOK.stat().st_size < 100_000
