"""The study that the tests of the reports share."""

import importlib.util
from pathlib import Path

import pytest

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
