"""How much may be unpacked from a file: by the limit, the file's length and the machine's memory."""

import pytest

from nbkernel.errors import InputError
from nbkernel.io.files import input_limit
from nbkernel.io.files.input_limit import VARIABLE, check_size, largest_size


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(input_limit, "available_memory", lambda: 1 << 36)


def test_the_limit_is_a_gigabyte_or_sixteen_times_the_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    check_size("-hkl", path, 2**30)
    with pytest.raises(InputError, match=r"-hkl: .*file: its columns would take 1 GiB unpacked, .*NBKERNEL_INPUT_LIMIT=2G"):
        check_size("-hkl", path, 2**30 + 1, "its columns")
    assert largest_size(path, 2**28) == 2**32
    assert largest_size(tmp_path / "nowhere") == 2**30


@pytest.mark.parametrize(
    "text, size",
    {"5000": 5000, "2k": 2048, "3M": 3 * 2**20, "1.5 GiB": 3 * 2**29, "8GB": 2**33, " 1t ": 2**40, "": 2**30}.items(),
)
def test_the_limit_can_be_set(monkeypatch, text, size):
    monkeypatch.setenv(VARIABLE, text)
    assert largest_size("", 0) == size


@pytest.mark.parametrize("text", ["much", "-1", "1e9", "inf", "G", "٣", "9" * 400])
def test_a_limit_that_is_not_a_size_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match="NBKERNEL_INPUT_LIMIT=.* is not a size"):
        largest_size("", 0)


def test_memory_limits_whatever_the_variable_says(monkeypatch):
    monkeypatch.setenv(VARIABLE, "1T")
    with pytest.raises(InputError, match="would need 128 GiB of memory, 64 GiB are available"):
        check_size("-hkl", "file", 2**37, length=0)
