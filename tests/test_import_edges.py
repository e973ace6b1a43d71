"""The rooms of the package import in one direction only; the edges are read from the source."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import lorentznet

PACKAGE = Path(lorentznet.__file__).parent
BASEMENT = {"errors", "config", "files", "console"}
ROOMS = ("group", "data", "nn", "taggers", "train", "evaluate", "reports", "testing", "commands", "cli", "__main__")
TIGHTER = {"evaluate": {"train"}, "reports": {"nn", "taggers", "train"}}
"""Rooms before it that a room does without: metrics need no training, figures need no model."""
EXCEPTIONS: set[tuple[str, str]] = {
    ("commands", "cli"),  # quickstart runs the other commands through the command line
}


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a module below ``lorentznet``; the package itself is the room ''."""
    return parts[0] if parts else ""


def imports(path: Path, package: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Dotted names of all modules that a file imports, at any level and under TYPE_CHECKING too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = tuple((node.module or "").split(".")) if node.module else ()
            if node.level:
                base = package[: len(package) - node.level + 1] + base
            found |= {(*base, alias.name) for alias in node.names} if base == ("lorentznet",) else {base}
    return found


def edges() -> set[tuple[str, str, str]]:
    """(file, its room, imported room) of every import within the package."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE).with_suffix("").parts
        own = () if inside == ("__init__",) else inside
        for name in imports(path, ("lorentznet", *inside[:-1])):
            if name[0] == "lorentznet" and own:
                found.add((str(path.relative_to(PACKAGE)), room_of(own), room_of(name[1:])))
    return found


def refused(own: str, other: str) -> bool:
    if own == other or other in BASEMENT | {"__version__"} or (own, other) in EXCEPTIONS:
        return False
    if own in BASEMENT or own not in ROOMS or other not in ROOMS:
        return True
    return ROOMS.index(other) > ROOMS.index(own) or other in TIGHTER.get(own, set())


def test_every_module_has_a_room():
    names = {
        path.stem if path.is_file() else path.name
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or any(path.rglob("*.py"))
    }
    assert names - {"__init__", "__pycache__"} <= BASEMENT | set(ROOMS)


def test_imports_run_in_one_direction():
    wrong = sorted(f"{file}: {own} imports {other}" for file, own, other in edges() if refused(own, other))
    assert not wrong, "\n".join(wrong)


def test_the_edges_are_seen():
    assert ("cli.py", "cli", "commands") in edges()
    assert ("taggers/base.py", "taggers", "data") in edges()


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("group", "data"),
        ("nn", "taggers"),
        ("evaluate", "train"),
        ("reports", "taggers"),
        ("errors", "data"),
        ("train", "commands"),
        ("data", ""),
    ],
)
def test_wrong_edges_are_refused(own, other):
    assert refused(own, other)


def test_imports_inside_functions_and_for_type_checking_count(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from lorentznet.train import fit\n"
        "def f():\n    import lorentznet.cli\n    from . import layers\n"
        "    from ..data import table\n    from lorentznet import reports\n"
    )
    found = imports(file, ("lorentznet", "nn"))
    expected = {
        ("lorentznet", "train"),
        ("lorentznet", "cli"),
        ("lorentznet", "nn"),
        ("lorentznet", "data"),
        ("lorentznet", "reports"),
    }
    assert expected <= found


def test_group_needs_torch_and_numpy_only():
    allowed = set(sys.stdlib_module_names) | {"torch", "numpy", "lorentznet"}
    for path in sorted((PACKAGE / "group").rglob("*.py")):
        assert {name[0] for name in imports(path, ("lorentznet", "group"))} <= allowed, path


def test_no_star_imports_and_no_print():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)), path
            assert not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"), path


def loaded_by(statement: str) -> set[str]:
    """Top-level packages in ``sys.modules`` after a statement in a fresh interpreter."""
    code = f"import sys\n{statement}\nsys.stdout.write(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


HEAVY = {
    "torch",
    "torch_geometric",
    "numpy",
    "awkward",
    "uproot",
    "vector",
    "lightning",
    "matplotlib",
    "pydantic",
    "sklearn",
    "scipy",
    "rich",
}


ABSENT = ["awkward", "uproot", "vector", "lightning", "matplotlib", "pydantic"]
"""What images with a GPU often lack: the libraries that read files, train and draw."""


def test_taggers_are_light():
    assert all(importlib.util.find_spec(name) for name in ABSENT), "this environment cannot tell"
    assert not loaded_by("import lorentznet.taggers") & set(ABSENT)


def test_taggers_run_without_the_libraries_of_files_and_figures():
    hidden = [*ABSENT[:-1], "h5py", "pyarrow", "sklearn", "pandas", "yaml", "rich"]  # pydantic checks the settings of a tagger
    assert "torch" in loaded_by(
        f"sys.modules.update(dict.fromkeys({hidden!r}))\n"
        "import lorentznet as ln, torch\n"
        "batch = ln.data.JetBatch.from_arrays(torch.tensor([[5.0, 3, 0, 4], [13, 5, 12, 0], [9, 1, 4, 8]]), [3])\n"
        "assert {len(ln.taggers.create(name)(batch)) for name in ln.taggers.names()} == {1}"
    )


def test_the_package_is_light():
    assert not loaded_by("import lorentznet") & HEAVY


def test_submodules_are_light_until_used():
    assert not loaded_by("import lorentznet; lorentznet.data") & HEAVY
