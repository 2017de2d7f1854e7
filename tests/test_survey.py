"""What a config finds on this machine."""

import os

import pytest

from corowatch import access
from corowatch.core.config import ConfigFile
from corowatch.loading import load_paths, load_texts
from corowatch.survey import (
    bare_passwords,
    closed_journal,
    folders,
    look_around,
    missing_programs,
    open_secrets,
    timeless,
)


def config(argv, folder):
    return load_texts([ConfigFile("c.yaml", "flows: {a: {stdin: , alert: ops}}\nsinks:\n  ops:\n"
                                  f"    exec: {argv}\n", str(folder))])


def test_a_program_that_cannot_be_run_is_known(tmp_path):
    (tmp_path / "page").touch()

    assert [("sink ops", f"{tmp_path}/page", "Permission denied")] == list(
        missing_programs(config("[./page]", tmp_path)))
    os.chmod(tmp_path / "page", 0o755)
    assert [] == list(missing_programs(config("[./page]", tmp_path)))
    assert [("sink ops", "no-such", "No such file or directory")] == list(
        missing_programs(config("[no-such]", tmp_path)))


def test_a_journal_that_cannot_be_read_is_told_where_a_flow_asks_it(monkeypatch):
    monkeypatch.setattr("corowatch.machine.journal_files", lambda root: ["/var/log/journal/1f/system.journal"])
    monkeypatch.setattr("corowatch.survey.unreadable", lambda paths: dict.fromkeys(paths, "closed"))
    text = "flows: {{a: {{{}, grep: x, alert: console}}}}"

    told = [closed_journal(load_texts([ConfigFile("c.yaml", text.format(source), "/")]))
            for source in ("journal: {}", "tail: a.log")]

    assert [{"/var/log/journal/1f/system.journal": "closed"}, {}] == told


def found(folder, glob="*.log"):
    (folder / "c.yaml").write_text(f"flows: {{a: {{tail: '{glob}', alert: }}}}\n")
    return next(iter(look_around(load_paths([str(folder / "c.yaml")]))))


def test_a_folder_in_place_of_a_file_is_told_with_what_finds_its_files(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "c.yaml").write_text(f"flows: {{a: {{tail: [app, '*.log', {tmp_path}/app/], alert: }}}}\n")
    told = f"{tmp_path}/c.yaml:1:13: {tmp_path}/app is a folder, and files are read: write {tmp_path}/app/*"

    assert [told, told] == list(folders(load_paths([str(tmp_path / "c.yaml")])))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_known_with_the_cure(tmp_path):
    (tmp_path / "a.log").touch(mode=0)

    assert [("", "Permission denied")] == [told[:2] for told in found(tmp_path).unreadable.values()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another user")
def test_what_the_services_user_cannot_read_is_known_before_it_runs(tmp_path, monkeypatch):
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_mode & 0o005 != 0o005 and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    (tmp_path / "mine.log").touch(mode=0o600)
    (tmp_path / "all.log").touch(mode=0o644)
    monkeypatch.setattr(access, "installed", lambda: {"User": "nobody", "SupplementaryGroups": "adm no-such"})

    told = found(tmp_path)

    assert 2 == len(told.files)
    assert {f"{tmp_path}/mine.log": ("nobody", "Permission denied", f"setfacl -m u:nobody:r {tmp_path}/mine.log")
            } == told.unreadable


def test_without_the_services_user_nobody_is_asked_for(tmp_path, monkeypatch):
    (tmp_path / "all.log").touch(mode=0o644)
    monkeypatch.setattr(access, "installed", lambda: {"User": "no-such-user", "SupplementaryGroups": ""})

    assert {} == found(tmp_path).unreadable


@pytest.mark.parametrize(("words", "told"), [("XXXXXXXXXXXXXXXX", 1), ("api/alerts", 0)])
def test_an_address_that_holds_a_token_is_a_secret(tmp_path, words, told):
    path = tmp_path / "c.yaml"
    path.write_text("flows: {a: {stdin: , alert: hook}}\n"
                    f"sinks: {{hook: {{webhook: 'https://example.org/{words}'}}}}\n")
    path.chmod(0o644)

    assert ["everyone can read this url"][:told] == [
        told.partition(": ")[2].partition(";")[0] for told in open_secrets(load_paths([str(path)]))]


@pytest.mark.parametrize(("password", "mode", "told"), [
    ("hunter2", 0o644, True), ("hunter2", 0o600, False), ("${env:SMTP}", 0o644, False)])
def test_a_secret_that_everyone_can_read_is_told_without_it(tmp_path, monkeypatch, password, mode, told):
    monkeypatch.setenv("SMTP", "hunter2")
    path = tmp_path / "c.yaml"
    path.write_text("flows: {a: {stdin: , alert: ops}}\n"
                    f"sinks: {{ops: {{email: {{to: a@example.org, password: '{password}'}}}}}}\n")
    path.chmod(mode)

    want = (f"{path}:2:52: everyone can read this password; write ${{credential:NAME}} or ${{env:NAME}} instead, or "
            f"chmod o-r {path}")
    assert [want][:told] == list(open_secrets(load_paths([str(path)])))


@pytest.mark.parametrize(("server", "tls", "told"), [
    ("smtp.example.org:587", "none", True), ("smtp.example.org", "starttls", False), ("localhost:25", "none", False),
    ("[::1]:25", "none", False), ("192.0.2.1", "none", True)])
def test_a_password_that_would_go_over_the_net_as_it_is_is_told(server, tls, told):
    text = ("flows: {a: {stdin: , alert: ops}}\nsinks:\n  ops:\n"
            f"    email: {{to: a@example.org, server: '{server}', user: u, password: p, tls: {tls}}}\n")

    notes = [note.partition(": ")[2] for note in bare_passwords(load_texts([ConfigFile("c.yaml", text, "/")]))]

    host = server.removesuffix(":587")
    assert [f"this password goes to {host} unencrypted; write tls: starttls or tls"][:told] == notes


STAMPED, OTHER = "2026-11-22 10:00:00 x\n", "10h00 22.11.26 x\n"


@pytest.mark.parametrize(("lines", "options", "told"), [
    ([STAMPED] * 3, "", []), ([OTHER] * 2, "", []), ([OTHER] * 9 + [STAMPED], "", []),
    ([STAMPED] + [OTHER] * 999, "",
     ["write how, and what stands before it, with `timestamp`, or `timestamp: none`"]),
    ([OTHER] * 3, ", timestamp: none", []), ([OTHER] * 3, ", timestamp: '%Hh%M %d.%m.%y'", []),
    ([STAMPED] * 3, ", timestamp: '%Hh%M %d.%m.%y'", ["`timestamp` says it otherwise"]),
    ([OTHER] * 3, ", encoding: utf-16", []), ([OTHER] * 3, ", multiline: docker-json", []),
])
def test_a_file_that_tells_no_time_is_known(tmp_path, lines, options, told):
    (tmp_path / "a.log").write_text("".join(lines))
    (tmp_path / "c.yaml").write_text(f"flows:\n  a:\n    tail: {{paths: '*.log'{options}}}\n    alert:\n")

    assert [f"{tmp_path}/c.yaml:3:5: in the last lines of {tmp_path}/a.log no time is found, so they count as of when "
            f"they are read; {cure}" for cure in told] == list(timeless(load_paths([str(tmp_path / "c.yaml")])))
