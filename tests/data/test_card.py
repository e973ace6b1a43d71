"""Dataset cards: what they may say, and which one is taken."""

from pathlib import Path

import pytest

import lorentznet.data as data
from lorentznet.data.card import DatasetCard, builtin_card, find_card
from lorentznet.errors import ConfigError, DataError

from .conftest import write_ttree

CARD = {
    "name": "toy",
    "units": "GeV",
    "momenta": {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"},
    "classes": {"qcd": "label_QCD", "top": "label_Tbqq"},
    "splits": {"train": [0, 40], "test": [40, 60]},
}


def test_round_trip(tmp_path):
    card = DatasetCard.from_mapping(
        CARD | {"selection": "jet_pt > 5", "observers": ["jet_pt"], "weight": "w", "sort": False, "licence": "CC0"}
    )
    again = DatasetCard.from_file(card.write(tmp_path / "card.yaml"))
    assert again == card
    assert again.digest == card.digest
    assert len(card.digest) == 64


def test_digest_sees_every_change():
    card = DatasetCard.from_mapping(CARD)
    swapped = CARD | {"classes": {"top": "label_Tbqq", "qcd": "label_QCD"}}
    others = [CARD | {"units": "MeV"}, CARD | {"sort": False}, CARD | {"splits": {"train": [0, 41]}}, swapped]
    digests = {card.digest, *(DatasetCard.from_mapping(other).digest for other in others)}
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": "GeV"}, r"^a.yaml: unknown key 'unit'; did you mean 'units'\?"),
        ({"momenta": {"pX": "a"}}, r"^a.yaml: unknown key 'pX' in momenta; did you mean 'px'\?"),
        ({"label": {"branche": "a"}, "classes": {}}, r"^a.yaml: unknown key 'branche' in label; did you mean 'branch'\?"),
        ({"units": "TeV"}, r"^a.yaml: units: input should be 'GeV' or 'MeV', got 'TeV'"),
        ({"momenta": {"px": "a", "py": "b", "pz": "c"}}, r"^a.yaml: .*momenta are given by px, py, pz; give px, py, pz, E; or "),
        ({"momenta": {**CARD["momenta"], "mass": "m"}}, r"momenta are given by px, py, pz, E, mass"),
        ({"classes": {"qcd": "label_QCD"}}, r"names 1 class; name at least two"),
        ({"label": {"branch": "kind", "values": {"a": 0, "b": 1}}}, r"both 'classes' and 'label'"),
        ({"label": {"branch": "kind", "values": {"a": 0, "b": 0}}, "classes": {}}, r"two classes share one value of 'kind'"),
        ({"splits": {"train": [5, 2]}}, r"split 'train' is \[5, 2\]"),
        ({"splits": {"train": [-1, 2]}}, r"split 'train' is \[-1, 2\]"),
        ({"splits": {"fold-1": [0, 2]}}, r"split 'fold-1' cannot be named behind a '#'; call it by a word"),
        ({"splits": {"train": 5}}, r"^a.yaml: splits.train"),
        ({"selection": "jet_pt >"}, r"selection 'jet_pt >' cannot be read"),
        ({"observers": ["weight"]}, r"an observer cannot be called 'weight'"),
        ({"format": "parquet"}, r"^a.yaml: .*unknown format 'parquet'; .*available: pandas-hdf5, root"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        DatasetCard.from_mapping(CARD | changes, "a.yaml")
    assert str(caught.value).startswith("a.yaml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["name", "units", "momenta"])
def test_required_keys(key):
    with pytest.raises(ConfigError, match=key):
        DatasetCard.from_mapping({other: value for other, value in CARD.items() if other != key})


def test_file_of_a_card_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.yaml: cannot be read"):
        DatasetCard.from_file(tmp_path / "nowhere.yaml")
    (tmp_path / "bad.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match=r"bad.yaml: not valid YAML"):
        DatasetCard.from_file(tmp_path / "bad.yaml")


def test_order_of_the_look_up(tmp_path, jets):
    path = write_ttree(tmp_path / "jets.root", jets.columns())

    def name(card=None):
        return data.read(path, card).card.name

    assert name() == "top-tagging"
    DatasetCard.from_mapping(CARD | {"name": "in the folder"}).write(tmp_path / "card.yaml")
    assert name() == "in the folder"
    DatasetCard.from_mapping(CARD | {"name": "beside"}).write(tmp_path / "jets.yaml")
    assert name() == "beside"
    named = DatasetCard.from_mapping(CARD | {"name": "named"}).write(tmp_path / "other.yaml")
    assert name(named) == name(str(named)) == name(DatasetCard.from_file(named)) == "named"
    assert find_card(path)[1] == str(tmp_path / "jets.yaml")


def test_a_bad_card_beside_the_file_is_not_passed_over(root_file):
    root_file.with_suffix(".yaml").write_text("name: toy\nunit: GeV\n")
    with pytest.raises(ConfigError, match=r"jets.yaml: unknown key 'unit'"):
        data.read(root_file)


def test_builtin_card_of_jetclass_has_the_published_order():
    momenta = ("part_energy", "part_px", "part_py", "part_pz")
    flags = ["label_Tbl", "label_Zqq", "label_QCD", "label_Hbb", "label_other"]
    card = builtin_card([*flags, "jet_tau1", "aux_x", "event"], momenta)
    assert card.class_names == ("QCD", "Hbb", "Zqq", "Tbl", "other")
    assert card.observers == ("aux_x", "jet_tau1")
    assert builtin_card(["label_Tbqq", "label_QCD"], momenta).class_names == ("qcd", "top")
    assert builtin_card([], momenta).class_names == ()
    assert builtin_card(flags, momenta[:3]) is None


def test_splits(root_file):
    card = DatasetCard.from_mapping(CARD)
    card.write(root_file.with_suffix(".yaml"))
    assert data.read(f"{root_file}#test").ids.tolist() == list(range(40, 60))
    assert data.read(f"{root_file}#test", start=5, stop=7).ids.tolist() == [45, 46]
    with pytest.raises(DataError, match=r"card 'toy' has no split 'tests'; did you mean 'test'\?"):
        data.read(f"{root_file}#tests")
    card.replace(splits={"test": (40, 61)}).write(root_file.with_suffix(".yaml"))
    with pytest.raises(DataError, match=r"split 'test' ends at row 61, but the file has 60 jets"):
        data.read(f"{root_file}#test")


@pytest.mark.parametrize(("name", "classes"), [("toptag_reference_hdf5", 2), ("toptag_reference_root", 2), ("jetclass", 10)])
def test_cards_of_public_datasets(name, classes):
    path = Path(__file__).parents[2] / "analysis" / "cards" / f"{name}.yaml"
    card = DatasetCard.from_file(path)
    assert len(card.class_names) == classes
    made = builtin_card(list(card.jet_branches), list(card.particle_branches))
    assert (made.momenta, made.class_names, made.format) == (card.momenta, card.class_names, card.format)
