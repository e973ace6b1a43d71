"""What is installed: metadata in agreement, a wheel and a source archive that hold everything."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lorentznet

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "torch-geometric": "pytorch-geometric", "tables": "pytables", "matplotlib": "matplotlib-base"}
"""Names on conda-forge that differ from those on the package index."""


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def as_on_conda(requirements):
    """{name on conda-forge: version limits} of requirements as pyproject.toml writes them."""
    parsed = map(Requirement, requirements)
    return {CONDA_NAMES.get(canonicalize_name(item.name), canonicalize_name(item.name)): item.specifier for item in parsed}


def test_conda_environment_agrees(project):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    listed = {canonicalize_name(item.name): item.specifier for item in map(Requirement, environment["dependencies"])}
    assert str(listed.pop("python")) == project["requires-python"]
    listed.pop("pip")
    assert listed == as_on_conda([*project["dependencies"], *project["optional-dependencies"]["toptag"]])


def test_versions_agree(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == lorentznet.__version__ == citation["version"]
    assert project["license"] == citation["license"] == "BSD-3-Clause"
    assert citation["authors"] == project["authors"] == [{"name": "The lorentznet developers"}]


def test_torch_is_pinned_for_continuous_integration_only(project):
    (pin,) = [line for line in (ROOT / "constraints/ci-cpu.txt").read_text().splitlines() if line.startswith("torch==")]
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", pin), "local versions such as +cpu are not on the package index"
    assert "torch>=2.11" in project["dependencies"]


def test_generators_are_optional(project):
    core = {canonicalize_name(Requirement(item).name) for item in project["dependencies"]}
    assert not core & {"fastjet", "pythia8mc"}
    assert {Requirement(item).name for item in project["optional-dependencies"]["gen"]} == {"fastjet", "pythia8mc"}
    assert "8.318.0" not in Requirement(project["optional-dependencies"]["gen"][1]).specifier


def test_every_dependency_is_imported_somewhere(project):
    """A dependency that nothing imports is left over."""
    modules = {"pyyaml": "yaml", "scikit-learn": "sklearn", "torch-geometric": "torch_geometric"}
    imported = set()
    for path in (ROOT / "lorentznet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.partition(".")[0])
    core = {canonicalize_name(Requirement(item).name) for item in project["dependencies"]} - {"fsspec"}  # a limit for uproot only
    assert {modules.get(name, name) for name in core} <= imported


def test_continuous_integration_runs_make_test():
    script = ROOT / ".ci/run"
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert [line for line in lines[1:] if not line.startswith(("set ", "cd "))] == ["make test"]
    assert os.access(script, os.X_OK)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "lorentznet").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == tracked
    assert {
        "lorentznet/py.typed",
        "lorentznet/data/sample/toptag_sample.root",
        "lorentznet/data/sample/toptag_sample.yaml",
    } <= names
    assert {f"lorentznet/configs/quickstart-{name}.yaml" for name in ("cg", "clifford")} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert wheel.stat().st_size < 6e6


@pytest.mark.slow
def test_wheel_runs_elsewhere(wheel, tmp_path):
    target = tmp_path / "elsewhere"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)

    def python(*words):
        environment = {**os.environ, "PYTHONPATH": str(target)}
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert "commands:" in python("-m", "lorentznet", "--help")
    where, jets = python(
        "-c", "import lorentznet as ln; import sys; sys.stdout.write(f'{ln.__file__}\\n{len(ln.data.sample())}')"
    ).split("\n")
    assert Path(where).is_relative_to(target)
    assert int(jets) >= 3_000
    assert "QCD" in python("-m", "lorentznet", "inspect", str(target / "lorentznet/data/sample/toptag_sample.root"))


@pytest.mark.slow
def test_source_archive_holds_what_is_needed_to_test_and_build(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CITATION.cff",
        "Makefile",
        "environment.yml",
        ".ci/run",
    }
    expected |= {"constraints/ci-cpu.txt", "tests/test_packaging.py", "notebooks/01_quickstart.ipynb", "lorentznet/cli.py"}
    assert expected <= names
