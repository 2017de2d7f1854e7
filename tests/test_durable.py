import os
import stat

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


def test_a_link_stays_one(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "a").symlink_to("real")

    replace(tmp_path / "a", b"new")

    assert (True, "new") == ((tmp_path / "a").is_symlink(), (tmp_path / "real").read_text())


def test_no_link_beside_is_followed_though_somebody_foresaw_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda _: "foreseen")
    (tmp_path / "a").write_text("old")
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".a.foreseen").symlink_to("victim")

    with pytest.raises(FileExistsError):
        replace(tmp_path / "a", b"new")
    assert ("old", "mine") == ((tmp_path / "a").read_text(), (tmp_path / "victim").read_text())


def test_its_bytes_are_nobody_elses_until_it_has_its_mode_and_then_file_and_folder_are_made_durable(
        tmp_path, monkeypatch):
    (path := tmp_path / "a").write_text("old")
    path.chmod(0o644)
    done = []

    def watched(name, tell):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *of: (done.append((name, tell(*of))), real(*of))[1])

    watched("fchmod", lambda file, mode: (os.fstat(file).st_mode & 0o777, mode))
    watched("fsync", lambda file: (stat.S_ISDIR(os.fstat(file).st_mode), path.read_text()))
    watched("replace", lambda beside, real: (os.path.dirname(beside), real))
    replace(path, b"new")

    assert [("fchmod", (0o600, 0o644)), ("fsync", (False, "old")), ("replace", (str(tmp_path), str(path))),
            ("fsync", (True, "new"))] == done


def test_a_disk_that_does_not_confirm_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    def broken(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    (path := tmp_path / "a").write_text("old")

    with pytest.raises(OSError, match="Input/output error"):
        replace(path, b"new")
    assert ("old", ["a"]) == (path.read_text(), names(tmp_path))
