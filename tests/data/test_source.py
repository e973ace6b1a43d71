"""Words that name jets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lorentznet.data as data
from lorentznet.data.source import JetSource, expand, parse
from lorentznet.errors import DataError

from .conftest import toy, write_ttree


@pytest.mark.parametrize(
    ("word", "source"),
    [
        ("jets.root", JetSource("jets.root")),
        ("a/b.c/jets.root:tree", JetSource("a/b.c/jets.root", "tree")),
        ("jets.root:dir/tree;1", JetSource("jets.root", "dir/tree;1")),
        ("jets.root#0:12000", JetSource("jets.root", None, slice(0, 12000))),
        ("jets.root:tree#5:", JetSource("jets.root", "tree", slice(5, None))),
        ("jets.h5:table#:5", JetSource("jets.h5", "table", slice(None, 5))),
        ("jets.root#:", JetSource("jets.root", None, slice(None, None))),
        ("jets.root#test", JetSource("jets.root", None, "test")),
        ("data/*.root:tree#val", JetSource("data/*.root", "tree", "val")),
        ("root://host.ch:1094//store/jets.root", JetSource("root://host.ch:1094//store/jets.root")),
        ("root://host.ch:1094//store/jets.root:tree#1:2", JetSource("root://host.ch:1094//store/jets.root", "tree", slice(1, 2))),
    ],
)
def test_words(word, source):
    assert parse(word) == source
    assert parse(parse(word)) == source
    assert str(parse(word)) == word


@given(
    st.none() | st.integers(0, 10**9),
    st.none() | st.integers(0, 10**9),
    st.none() | st.from_regex(r"[a-z]\w{0,8}", fullmatch=True),
)
def test_round_trip(start, stop, tree):
    source = JetSource("some/jets.root", tree, slice(start, stop))
    assert parse(str(source)) == source


@pytest.mark.parametrize("rows", ["", "-5:", "1:2:3", "5", "a-b", "²:"])
def test_rows_that_are_not_understood(rows):
    with pytest.raises(DataError, match=r"are not understood; write #start:stop"):
        parse(f"jets.root#{rows}")


def test_existing_file_is_taken_as_it_is(tmp_path, jets):
    odd = write_ttree(tmp_path / "jets#1:2.root", jets.columns())
    assert parse(str(odd)) == parse(odd) == JetSource(str(odd))


def test_rows_of_a_file(root_file):
    assert data.read(f"{root_file}#10:20").ids.tolist() == list(range(10, 20))
    assert data.read(f"{root_file}:tree#55:").ids.tolist() == list(range(55, 60))
    with pytest.raises(
        DataError, match=r"#50:61: these rows end at 61, but the file has 60 jets; write #50: for all jets from 50 on"
    ):
        data.read(f"{root_file}#50:61")
    with pytest.raises(DataError, match=r"#60:70: no jet is in these rows; the file has 60 jets"):
        data.read(f"{root_file}#60:70")
    with pytest.raises(DataError, match="no split 'train'"):
        data.read(f"{root_file}#train")
    with pytest.raises(DataError, match="no jet is in rows 10:; 10 jets can be read"):
        data.read(f"{root_file}#10:20", start=10)


def test_patterns(tmp_path):
    for name in ("b", "a", "c"):
        write_ttree(tmp_path / f"{name}.root", toy(5).columns())
    found = expand([f"{tmp_path}/[ab].root#0:2", tmp_path / "c.root"])
    assert [Path(source.path).name for source in found] == ["a.root", "b.root", "c.root"]
    assert [len(table) for table in data.iterate(f"{tmp_path}/*.root#1:")] == [4, 4, 4]
    with pytest.raises(DataError, match=r"\*.txt: no file matches this pattern"):
        expand(f"{tmp_path}/*.txt")


def test_the_shipped_sample_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse("sample#0:5") == JetSource(str(data.sample_path()), None, slice(0, 5))
    (tmp_path / "sample").write_text("")
    assert parse("sample").path == "sample"
