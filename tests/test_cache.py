import os

import pytest

from corowatch.cache import MOST, DiskCache


@pytest.fixture
def cache(tmp_path):
    return DiskCache(tmp_path / "cache")


def test_what_was_put_there_is_found(cache, tmp_path):
    cache.put("a", b"made")

    assert b"made" == DiskCache(tmp_path / "cache").get("a")
    assert cache.get("b") is None
    assert 0o600 == (tmp_path / "cache" / "a").stat().st_mode & 0o777
    assert 0o700 == (tmp_path / "cache").stat().st_mode & 0o777


@pytest.mark.parametrize("at", [0, 31, 32, 40])
def test_a_byte_that_changed_makes_an_entry_none(cache, tmp_path, at):
    cache.put("a", b"made with care")
    path = tmp_path / "cache" / "a"
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)

    assert cache.get("a") is None


@pytest.mark.parametrize("size", [0, 10, 32, 36])
def test_an_entry_that_was_not_written_to_its_end_is_none(cache, tmp_path, size):
    cache.put("a", b"made with care")
    os.truncate(tmp_path / "cache" / "a", size)

    assert cache.get("a") is None


def test_of_many_those_that_were_used_last_are_kept(cache, tmp_path):
    for number in range(MOST):
        cache.put(str(number), b"")
        os.utime(tmp_path / "cache" / str(number), (number, number))
    cache.get("0")
    cache.put("new", b"")

    assert b"" == cache.get("0")
    assert b"" == cache.get("new")
    assert cache.get("1") is None
    assert MOST == len(os.listdir(tmp_path / "cache"))


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "cache").write_text("no folder")
    cache = DiskCache(tmp_path / "cache")
    cache.put("a", b"made")

    assert cache.get("a") is None
