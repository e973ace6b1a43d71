"""Whether two words name the same jets."""

import pytest
import yaml

from lorentznet.data.overlap import overlap, overlapping
from lorentznet.data.source import parse


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("a.root#0:10", "a.root#10:20", False),
        ("a.root#0:11", "a.root#10:20", True),
        ("a.root", "a.root#10:20", True),
        ("a.root#5:", "elsewhere/a.root#0:6", True),
        ("a.root#5:", "b.root#0:6", False),
        ("a.root#test", "a.root#test", True),
        ("a.root#train", "a.root#test", False),
        ("a.root#test", "a.root#0:6", None),
        ("a.root#test", "a.root", True),
    ],
)
def test_words_of_files_that_are_not_there(left, right, expected):
    assert overlap(parse(left), parse(right)) is expected
    assert overlap(parse(right), parse(left)) is expected
    assert bool(overlapping([parse(left)], [parse(right)])) is bool(expected)


def test_splits_are_rows_where_their_card_is_there(tmp_path, toys):
    first, second = (toys.write(tmp_path / folder / "jets.root") for folder in ("a", "b"))
    card = toys.card() | {"splits": {"train": [0, 20], "val": [15, 30], "test": [30, 40]}}
    first.with_suffix(".yaml").write_text(yaml.safe_dump(card))
    words = [parse(f"{first}#{rows}") for rows in ("train", "val", "test", "25:35")]
    assert [[overlap(one, other) for other in words] for one in words] == [
        [True, True, False, False],
        [True, True, False, True],
        [False, False, True, True],
        [False, True, True, True],
    ]
    assert overlap(parse(f"{first}#0:20"), parse(f"{second}#0:20")) is False, "two files of one name"
    assert overlap(parse(f"{first}#0:20"), parse(f"{second}#0:20"), by_name=True)
