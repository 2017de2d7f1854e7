"""What is wrong with a config only with a view on files and on what a kind does."""

import pytest

from corowatch.core.config import ConfigFile
from corowatch.core.errors import ConfigError
from corowatch.loading import load_texts


def config(argv, folder):
    return load_texts([ConfigFile("c.yaml", "flows: {a: {stdin: , alert: ops}}\nsinks:\n  ops:\n"
                                  f"    exec: {argv}\n", str(folder))])


def test_a_log_cannot_choose_the_program(tmp_path):
    with pytest.raises(ConfigError) as refused:
        config("['{text}', x]", tmp_path)

    assert ("c.yaml:4:12: a log would choose the program '{text}'; write one that is always the same, and fields in "
            "the words behind it\n        exec: ['{text}', x]\n               ^") == str(refused.value)


@pytest.mark.parametrize(("written", "meant"), [
    ("bin/page", "{0}/bin/page"), ("./page", "{0}/page"), ("../page", "{1}/page"), ("/bin/page", "/bin/page"),
    ("page", "page")])
def test_a_programs_path_begins_at_the_configs_folder(tmp_path, written, meant):
    folder = tmp_path / "{odd}"

    argv = config(f"[{written}, '{{text}}']", folder).sinks["ops"].options["argv"]

    assert [meant.format(folder, tmp_path), "x"] == [text.render({"text": "x"}) for text in argv]


@pytest.mark.parametrize(("paths", "sink"), [
    ("logs/*.log", "logs/out.log"), ("logs/*.log", "link/out.log"), ("link/*.log", "logs/out.log"),
    ("logs/out.log", "same.log")])
def test_an_alert_is_never_written_into_what_is_read_by_whatever_way(tmp_path, paths, sink):
    (tmp_path / "logs").mkdir()
    (tmp_path / "link").symlink_to("logs")
    (tmp_path / "same.log").symlink_to("logs/out.log")

    with pytest.raises(ConfigError) as refused:
        load_texts([ConfigFile("c.yaml", f"flows: {{a: {{tail: {paths}, alert: out}}}}\n"
                                         f"sinks: {{out: {{file: {sink}}}}}\n", str(tmp_path))])

    assert "sink 'out' writes into what a.tail reads; move it out of the glob" in str(refused.value)


def test_what_is_left_out_may_be_written_by_way_of_a_link_too(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "link").symlink_to("logs")

    text = ("flows:\n  a: {tail: {paths: link/*.log, exclude: link/out.log}, alert: out}\n"
            "sinks: {out: {file: link/out.log}}\n")

    assert load_texts([ConfigFile("c.yaml", text, str(tmp_path))])


def test_standard_input_is_read_one_way_only():
    text = "flows:\n  a: {stdin: , alert: }\n  b: {stdin: , alert: }\n  c: {stdin: {timestamp: none}, alert: }\n"

    with pytest.raises(ConfigError) as refused:
        load_texts([ConfigFile("c.yaml", text, "/")])

    assert ["standard input is read with other options by a.stdin, at c.yaml:2:7; it can be read one way only"] == [
        mistake.what for mistake in refused.value.mistakes]
