import bz2
import gzip
import json
import lzma

import msgspec
import pytest

from corowatch.core.errors import StateRefused
from corowatch.core.follow import (
    ENOUGH,
    Fate,
    Saved,
    Seen,
    digest,
    fate,
    is_compressed,
    is_same_life,
    is_same_text,
)


@pytest.mark.parametrize(("offset", "known", "seen", "want"), [
    (10, 10, Seen(1, 2, 10, 0), Fate.SAME), (10, 10, Seen(1, 2, 11, 0), Fate.GROWN),
    (10, 12, Seen(1, 2, 12, 0), Fate.SAME),
    (10, 10, Seen(1, 2, 9, 0), Fate.SHRUNK), (10, 12, Seen(1, 2, 11, 0), Fate.SHRUNK),
    (0, 0, Seen(1, 2, 0, 0), Fate.SAME),
    (10, 10, Seen(1, 3, 10, 0), Fate.REPLACED), (10, 10, Seen(2, 2, 10, 0), Fate.REPLACED)])
def test_what_became_of_a_file(offset, known, seen, want):
    assert want is fate(1, 2, offset, known, seen)


def saved(before, offset, gen=None, head=b""):
    return Saved("/x", 1, 2, offset, digest(before), len(before), gen=gen, head=digest(head) if head else "",
                 head_bytes=len(head))


def seen(size, dev=1, ino=2):
    return Seen(dev, ino, size, 0)


def test_the_bytes_before_the_offset_tell_whether_it_is_the_same_life():
    assert is_same_life(saved(b"abc", 3), seen(3), None, b"", b"abc")
    assert is_same_life(saved(b"", 0), seen(0), None, b"", b"")
    assert not is_same_life(saved(b"abc", 3), seen(3), None, b"", b"abd")
    assert not is_same_life(saved(b"abc", 3), seen(2), None, b"", b"ab")
    assert not is_same_life(saved(b"abc", 3), seen(3), None, b"", b"abcd")
    assert not is_same_life(saved(b"abc", 3), seen(3, ino=3), None, b"", b"abc")


@pytest.mark.parametrize(("then", "now", "want"), [(7, 7, True), (7, 8, False), (None, 8, True), (7, None, True)])
def test_a_number_that_is_used_again_is_of_another_generation(then, now, want):
    assert want is is_same_life(saved(b"abc", 3, gen=then), seen(3), now, b"", b"abc")


def test_the_bytes_at_the_beginning_tell_it_too():
    assert is_same_text(saved(b"c", 3, head=b"ab"), 3, b"abc", b"c")
    assert not is_same_text(saved(b"c", 3, head=b"ab"), 3, b"xbc", b"c")


def test_on_a_device_of_another_number_the_bytes_must_be_enough():
    assert is_same_life(saved(b"x" * ENOUGH, ENOUGH), seen(ENOUGH, dev=9), None, b"", b"x" * ENOUGH)
    assert not is_same_life(saved(b"abc", 3), seen(3, dev=9), None, b"", b"abc")


@pytest.mark.parametrize(("head", "want"), [
    (gzip.compress(b"x", mtime=0), True), (bz2.compress(b"x"), True), (bz2.compress(b""), True),
    (lzma.compress(b"x"), True),
    (b"\x28\xb5\x2f\xfd", True), (b"BZh is how a line may begin", False), (b"", False)])
def test_compressed_files_are_known_by_how_they_begin(head, want):
    assert want is is_compressed(head)


def test_what_is_no_saved_position_is_refused():
    with pytest.raises(StateRefused, match="a saved position is damaged: .*offset"):
        Saved.of({**msgspec.to_builtins(Saved("/a", 1, 2, 3, "m", 0)), "offset": "x"})


def test_what_was_saved_comes_back_from_plain_data():
    saved = Saved("/a", 1, 2, 3, "m", 0, (2, 9.5))

    assert saved == Saved.of(json.loads(json.dumps(msgspec.to_builtins(saved))))
