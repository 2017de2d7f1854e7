"""What is known of files that are not followed."""

import os

from corowatch.core.follow import Saved, digest
from corowatch.sources.known import Known
from corowatch.sources.siblings import Folders


def known_at(path):
    seen = os.stat(path)
    return Saved(str(path), seen.st_dev, seen.st_ino, seen.st_size, digest(b""), 0, home=str(path), size=seen.st_size,
                 mtime=seen.st_mtime_ns)


def test_a_file_that_moves_on_while_it_is_looked_at_is_not_taken_for_what_stands_there_now(tmp_path):
    (tmp_path / "app.log.1").write_text("one\n")
    known = Known({"a": known_at(tmp_path / "app.log.1")})
    os.rename(tmp_path / "app.log.1", tmp_path / "app.log.2")
    folders = Folders()
    folders.rotations(str(tmp_path / "app.log"))  # it is listed as app.log.2
    os.rename(tmp_path / "app.log.2", tmp_path / "app.log.3")
    (tmp_path / "app.log.2").write_text("another one\n")

    assert [] == list(known.changed(folders, 1.0))
    assert [] == list(known.changed(Folders(), 2.0))
    with open(tmp_path / "app.log.3", "a") as late:
        late.write("late\n")
    assert ["a"] == [key for key, _ in known.changed(Folders(), 3.0)]


def test_a_folder_is_listed_anew_only_when_it_was_changed(tmp_path):
    (tmp_path / "app.log.1").touch()
    folders = Folders()
    log = str(tmp_path / "app.log")
    assert [f"{log}.1"] == folders.rotations(log)
    assert not folders.renewed(log)

    os.utime(tmp_path, (1, 1))
    (tmp_path / "app.log.2").touch()

    assert folders.renewed(log)
    assert [f"{log}.1", f"{log}.2"] == folders.rotations(log)
