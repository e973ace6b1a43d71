"""Files that are elsewhere, or need a library that is not there."""

import pytest

from lorentznet.data.readers.base import damaged
from lorentznet.errors import DataError


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("jets.root", ValueError("short read"), "damaged or truncated ROOT file (ValueError: short read)"),
        ("root://host//jets.root", ImportError("Install fsspec-xrootd\nby pip"), "a library is missing"),
        (
            "https://host/jets.root",
            OSError("no such host"),
            "cannot be read from there (OSError: no such host); correct the address",
        ),
    ],
)
def test_what_went_wrong_is_told_apart(path, error, words):
    with pytest.raises(DataError) as caught, damaged(path, "ROOT"):
        raise error
    assert str(caught.value).startswith(f"{path}: {words}")
    assert "\n" not in str(caught.value)
