import pytest

from corowatch.units import hidden, quoted, unit


@pytest.mark.parametrize(("path", "word"), [
    ("/opt/watch/bin/corowatch", "/opt/watch/bin/corowatch"),
    ("/opt/my watch/corowatch", '"/opt/my watch/corowatch"'),
    ("/opt/100%/$a", "/opt/100%%/$a"),
    ('/opt/"a\\b', '"/opt/\\"a\\\\b"'),
])
def test_a_path_is_one_word_of_a_command_line(path, word):
    assert word == quoted(path)


def test_the_units_run_the_command_that_was_found(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "my env" / "python"))
    (tmp_path / "my env").mkdir()
    (tmp_path / "my env" / "corowatch").touch()

    assert f'ExecStart="{tmp_path}/my env/corowatch" run /etc/corowatch\n' in unit("corowatch.service")


@pytest.mark.parametrize(("path", "told"), [
    ("/home/a/venv/bin/corowatch", True), ("/root/venv/bin/corowatch", True), ("/opt/homes/corowatch", False)])
def test_home_folders_are_hidden_from_the_service(path, told):
    assert told is hidden(path)
