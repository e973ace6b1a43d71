"""The study that the tests of the reports share."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lorentznet.evaluate.explanation import Explanation, Row
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.paired import Difference

_SPEC = importlib.util.spec_from_file_location("study_of_reports", Path(__file__).with_name("study.py"))
study_maker = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(study_maker)


@pytest.fixture(scope="session")
def make():
    """The functions of ``study.py``."""
    return study_maker


@pytest.fixture(scope="session")
def study(make, tmp_path_factory):
    """A finished study; not to be changed."""
    return make.write_study(tmp_path_factory.mktemp("reports") / "study")


@pytest.fixture(scope="session")
def report(study, tmp_path_factory):
    """The folder of its report; not to be changed."""
    from lorentznet.reports.page import write_report

    page = write_report([study], tmp_path_factory.mktemp("reports") / "report")
    return page.parent


@pytest.fixture
def explanation() -> Explanation:
    random = np.random.default_rng(1)

    def row(kind, name, size, **more):
        return Row(kind, name, Difference(size, abs(size) / 5 + 1e-4), Difference(-size / 10, 1e-4), **more)

    rows = [row("path", f"layer 1: (u_i-u_j) x v -> {n}", float(random.lognormal(-6, 2)), layer=1, share=0.5) for n in range(20)]
    rows += [row("irrep", "vectors v", 0.3), row("irrep", "tensors t", -0.001)]
    rows += [row("invariant", "v.v in the read-out", 0.01), row("invariant", "radial functions of ln(1 - cos theta)", 0.0)]
    whole = {"loss": Estimate(0.2, 0.19, 0.21), "auc": Estimate(0.97, 0.968, 0.972)}
    return Explanation("cg", {"qcd": 1200, "top": 800}, 1, rows=tuple(rows), about={"checkpoint": "runs/cg/best.ckpt"}, **whole)
