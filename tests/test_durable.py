import os

import pytest

from corowatch.durable import replace


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_keeps_its_mode(tmp_path, mode):
    (path := tmp_path / "a").write_text("old")
    path.chmod(mode)

    replace(path, b"new")

    assert (b"new", mode, ["a"]) == (path.read_bytes(), path.stat().st_mode & 0o7777, names(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_keeps_its_owner(tmp_path):
    (path := tmp_path / "a").write_text("old")
    os.chown(path, 65534, 65533)
    path.chmod(0o600)

    replace(path, b"new")

    assert (65534, 65533, 0o600) == (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o7777)


def test_where_the_owner_cannot_be_kept_the_bytes_are_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    (path := tmp_path / "a").write_text("old")

    replace(path, b"new")

    assert b"new" == path.read_bytes()


def test_a_new_file_has_the_mode_that_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        replace(tmp_path / "a", b"new")
    finally:
        os.umask(before)

    assert 0o640 == (tmp_path / "a").stat().st_mode & 0o7777


def test_a_link_stays_one_and_none_beside_is_followed(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "a").symlink_to("real")
    (tmp_path / "victim").write_text("mine")
    for name in ("a.new", "real.new"):
        (tmp_path / name).symlink_to("victim")

    replace(tmp_path / "a", b"new")

    assert (True, "new", "mine") == ((tmp_path / "a").is_symlink(), (tmp_path / "real").read_text(),
                                     (tmp_path / "victim").read_text())


def test_a_disk_that_does_not_confirm_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    def broken(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    (path := tmp_path / "a").write_text("old")

    with pytest.raises(OSError, match="Input/output error"):
        replace(path, b"new")
    assert ("old", ["a"]) == (path.read_text(), names(tmp_path))
