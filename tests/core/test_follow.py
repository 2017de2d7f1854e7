import bz2
import gzip
import json
import lzma

import msgspec
import pytest

from corowatch.core.follow import ENOUGH, Fate, Saved, Seen, fate, is_compressed, is_same_life, marker


@pytest.mark.parametrize(("offset", "known", "seen", "want"), [
    (10, 10, Seen(1, 2, 10, 0), Fate.SAME), (10, 10, Seen(1, 2, 11, 0), Fate.GROWN),
    (10, 12, Seen(1, 2, 12, 0), Fate.SAME),
    (10, 10, Seen(1, 2, 9, 0), Fate.SHRUNK), (10, 12, Seen(1, 2, 11, 0), Fate.SHRUNK),
    (0, 0, Seen(1, 2, 0, 0), Fate.SAME),
    (10, 10, Seen(1, 3, 10, 0), Fate.REPLACED), (10, 10, Seen(2, 2, 10, 0), Fate.REPLACED)])
def test_what_became_of_a_file(offset, known, seen, want):
    assert want is fate(1, 2, offset, known, seen)


def saved(before, offset):
    return Saved("/x", 1, 2, offset, marker(before), len(before))


def seen(size, dev=1, ino=2):
    return Seen(dev, ino, size, 0)


def test_the_bytes_before_the_offset_tell_whether_it_is_the_same_life():
    assert is_same_life(saved(b"abc", 3), seen(3), b"abc")
    assert is_same_life(saved(b"", 0), seen(0), b"")
    assert not is_same_life(saved(b"abc", 3), seen(3), b"abd")
    assert not is_same_life(saved(b"abc", 3), seen(2), b"ab")
    assert not is_same_life(saved(b"abc", 3), seen(3), b"abcd")
    assert not is_same_life(saved(b"abc", 3), seen(3, ino=3), b"abc")


def test_on_a_device_of_another_number_the_bytes_must_be_enough():
    assert is_same_life(saved(b"x" * ENOUGH, ENOUGH), seen(ENOUGH, dev=9), b"x" * ENOUGH)
    assert not is_same_life(saved(b"abc", 3), seen(3, dev=9), b"abc")


@pytest.mark.parametrize(("head", "want"), [
    (gzip.compress(b"x", mtime=0), True), (bz2.compress(b"x"), True), (bz2.compress(b""), True),
    (lzma.compress(b"x"), True),
    (b"\x28\xb5\x2f\xfd", True), (b"BZh is how a line may begin", False), (b"", False)])
def test_compressed_files_are_known_by_how_they_begin(head, want):
    assert want is is_compressed(head)


def test_what_was_saved_comes_back_from_plain_data():
    saved = Saved("/a", 1, 2, 3, "m", 0, (2, 9.5))

    assert saved == Saved.of(json.loads(json.dumps(msgspec.to_builtins(saved))))
