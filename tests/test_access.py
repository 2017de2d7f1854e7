"""Who may read and write, with the account `nobody` as the service's."""

import os

import pytest

from corowatch import access
from corowatch.access import Barrier, cure, unreadable, unwritable

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another user")


@pytest.fixture
def service(monkeypatch):
    settings = {"User": "nobody", "SupplementaryGroups": "adm no-such"}
    monkeypatch.setattr(access, "installed", lambda: settings)
    return settings


@pytest.fixture
def folder(tmp_path):
    """One that everybody may enter."""
    for one in (tmp_path, *tmp_path.parents[:-1]):
        if one.stat().st_mode & 0o005 != 0o005 and one.is_relative_to("/tmp"):
            one.chmod(0o755)
    return tmp_path


def test_a_file_of_a_group_is_read_by_its_members(tmp_path):
    import grp

    path = tmp_path / "a.log"
    path.touch(mode=0o640)
    if os.geteuid() == 0:
        os.chown(path, 0, grp.getgrnam("adm").gr_gid)
        assert "usermod -aG adm watch" == cure(str(path), "watch")
    path.chmod(0o600)

    assert f"setfacl -m u:watch:r {path}" == cure(str(path), "watch")
    assert "setfacl -m u:watch:r /gone" == cure("/gone", "watch")


@root
def test_the_first_folder_that_cannot_be_entered_is_the_one_to_open(folder, service):
    closed = folder / "a" / "b"
    closed.mkdir(parents=True)
    (closed / "x.log").touch(mode=0o644)
    (folder / "a").chmod(0o700)

    assert {f"{closed}/x.log": Barrier("nobody", "Permission denied", f"setfacl -m u:nobody:x {folder}/a")
            } == unreadable([f"{closed}/x.log"])


@root
@pytest.mark.parametrize(("path", "settings", "why"), [
    ("/home/a/x.log", {"ProtectHome": "yes"}, "ProtectHome"), ("/home/a/x.log", {"ProtectHome": "read-only"}, None),
    ("/tmp/x.log", {"PrivateTmp": "yes"}, "PrivateTmp"), ("/tmp/x.log", {"PrivateTmp": "no"}, None),
    ("/homes/x.log", {"ProtectHome": "yes"}, None),
])
def test_what_the_unit_hides_is_told(service, path, settings, why):
    service.update(settings)

    told = unreadable([path])[path]  # none of them is there

    assert (f"{why} of the unit hides it" if why else "No such file or directory") == told.why


@root
def test_what_the_service_could_not_write_is_told(folder, service):
    (folder / "mine.jsonl").touch(mode=0o600)
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    paths = [f"{folder}/mine.jsonl", f"{folder}/new.jsonl", f"{folder}/open/new.jsonl"]

    assert {paths[0]: f"chown nobody {paths[0]}", paths[1]: f"chown nobody {folder}"} == {
        path: told.cure for path, told in unwritable(paths).items()}


@root
def test_a_unit_that_may_write_little_is_told_where(folder, service):
    folder.chmod(0o777)
    service.update(ProtectSystem="strict", ReadWritePaths=f"-{folder}/a", StateDirectory="corowatch")
    for name in "ab":
        (folder / name).mkdir()
        (folder / name).chmod(0o777)

    assert {f"{folder}/b/x": Barrier("nobody", "ProtectSystem of the unit keeps it as it is",
                                     f"ReadWritePaths={folder}/b in a drop-in")
            } == unwritable([f"{folder}/a/x", f"{folder}/b/x"])
