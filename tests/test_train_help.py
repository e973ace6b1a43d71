"""The settings that ``lorentznet train --help`` lists are those of the configuration, with their defaults."""

import dataclasses
import re

import pytest

from lorentznet.commands.train import SETTINGS
from lorentznet.train import config

SECTIONS = {field.name: field.type for field in dataclasses.fields(config.TrainConfig)}


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "seed"])
def test_every_setting_is_listed(section):
    text = re.search(rf"^{section} +(.*?)(?=^\w|\Z)", SETTINGS, re.DOTALL | re.MULTILINE)[1]
    for setting in dataclasses.fields(getattr(config, SECTIONS[section])):
        assert re.search(rf"\b{setting.name}\b", text), setting.name
        if isinstance(setting.default, int | float):
            shown = str(setting.default).lower() if isinstance(setting.default, bool) else f"{float(setting.default):g}"
            found = re.search(rf"\b{setting.name} \(([^)]*)\)", text)[1]
            assert (found if isinstance(setting.default, bool) else f"{float(found):g}") == shown, setting.name
