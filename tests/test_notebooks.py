"""The notebooks and the lines of the README run from the first to the last; notebooks are kept without outputs."""

import ast
import json
import re
import resource
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LONGEST_FUNCTION = 8
SECONDS = 90
"""Of one core."""


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Name of a Jupyter kernel of this very interpreter."""
    folder = tmp_path / "jupyter" / "kernels" / "this"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "this", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return "this"


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_there_are_notebooks():
    assert "01_quickstart" in [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(path))
    nbformat.validate(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_import_call_and_show(path):
    """No function longer than a few lines: what is longer belongs into the package."""
    for cell in code_cells(path):
        lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
            assert not isinstance(node, ast.ClassDef)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, kernel, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    before = cpu_of_children()
    NotebookClient(notebook, timeout=300, kernel_name=kernel, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert cpu_of_children() - before < SECONDS
    streams = [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs if output.output_type == "stream"
    ]
    assert not [stream.text for stream in streams if "Warning" in stream.text.replace("TqdmWarning", "")]
    assert sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])) >= 3


@pytest.mark.slow
def test_six_lines_of_the_readme_run(tmp_path, monkeypatch):
    """The first Python block, for one epoch with a tiny tagger."""
    block = re.search(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(), re.DOTALL)[1]
    statements = ast.parse(block).body
    assert len(statements) == 6
    quick = block.replace('"quickstart-cg", {', '"quickstart-cg", {"trainer.epochs": 1, "tagger.preset": "tiny", ')
    assert quick != block
    monkeypatch.chdir(tmp_path)
    *lines, last = ast.parse(quick).body
    names = {}
    exec(compile(ast.Module(lines, []), "README.md", "exec"), names)
    estimate = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
    assert 0.5 < estimate.low < estimate.value <= estimate.high
