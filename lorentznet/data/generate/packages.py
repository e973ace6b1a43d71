"""The generator packages: an optional extra, imported only when jets are generated."""

from __future__ import annotations

import importlib
from types import ModuleType

from lorentznet.errors import MissingExtraError


def pythia() -> ModuleType:
    """Pythia 8 (``pythia8mc`` of the Python package index, or ``pythia8`` of conda-forge)."""
    return _first("Pythia 8", ("pythia8mc", "pythia8"))


def fastjet() -> ModuleType:
    """FastJet with its array interface; its banner, which goes to standard output, is switched off."""
    module = _first("FastJet", ("fastjet",))
    module._swig.ClusterSequence.set_fastjet_banner_stream(None)
    return module


def versions() -> dict[str, str]:
    """Versions of the generator packages; :class:`MissingExtraError` if one is not installed."""
    setting = pythia().Pythia("", False).settings.parm("Pythia:versionNumber")
    return {"pythia": f"{setting:.3f}", "fastjet": str(fastjet().__version__)}


def _first(title: str, names: tuple[str, ...]) -> ModuleType:
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    raise MissingExtraError(f"generating jets needs {title} ({names[0]}), which is not installed: pip install 'lorentznet[gen]'")
