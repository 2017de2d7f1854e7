import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corowatch.core.masks import LONGEST, MASKS, WILD, alike, masked, read, shown, wider


def told(text):
    return shown(masked(text))


@pytest.mark.parametrize(("line", "words"), [
    ("2026-03-02 08:00:00 web1 sshd[811]: Failed password for root from 192.0.2.7 port 33102 ssh2",
     "sshd[<num>]: Failed password for root from <ip> port <num> ssh2"),
    ("Mar  2 08:00:00 web1 kernel: oom", "kernel: oom"),
    ("Mar  2 08:00:00 web1 kernel: [  612.204418] oom", "kernel: <uptime> oom"),
    ("[87012.204418] oom", "oom"),
    ("<34>Mar  2 08:00:00 web1 su: x", "su: x"),
    ("2026-03-02T08:00:00.123+01:00 web1 app: x", "app: x"),
    ("2026-03-02 08:00:00 ERROR db: lost", "ERROR db: lost"),
    ("2026-03-02 08:00:00,123 [warning] db[7]: lost", "[warning] db[<num>]: lost"),
    ("2026-03-02 08:00:00 E db: lost", "E db: lost"),
    ("2026-03-02 08:00:00 info-1 db: lost", "db: lost"),
    ("2026-03-02 08:00:00 purge libx:amd64 1.0 <none>", "purge libx:amd64 <num> <none>"),
    ("[Mon Mar 02 08:00:00 2026] [error] child 7", "[error] child <num>"),
    ("192.0.2.7 - - [02/Mar/2026:08:00:00 +0000] \"GET /a HTTP/1.1\" 500 12", '"GET /a HTTP/<num>" <num> <num>'),
    ("- 17 2026.03.02 R02-M1 2026-03-02-08.00.00.000001 R02 KERNEL INFO x", "R02 KERNEL INFO x"),
    ("03-02 08:00:00.123  17  42 D Power: x", "D Power: x"),
    ("INFO took 12ms, 1.5 GB of -3", "INFO took <num>ms, <num> GB of <num>"),
    ("blk_-16 of core.22 and v1.2.3, ssh2, eth0", "blk_<num> of core.<num> and v1.2.3, ssh2, eth0"),
    ("a 2001:db8::1 b ::1 c fe80:0:0:0:0:0:0:1 std::string", "a <ip6> b <ip6> c <ip6> std::string"),
    ("at 00:11:22:33:44:55 id 123e4567-e89b-12d3-a456-426614174000", "at <mac> id <uuid>"),
    ("at 0xdeadbeef and deadbeef01 of deadbeef", "at <hex> and <hex> of deadbeef"),
    ("from 192.0.2.7:80 to 1.2.3.4.example.org", "from <ip>:<num> to <ip>.example.org"),
    ("x at Sat Jun 18 02:23:10 2005", "x at <time>"),
    ("two  blanks ", "two  blanks "),
    ("bell\x07 and\xa0blank", "bell<odd> and<odd>blank"),
    ("----", "----"),
    ("12 34", "<num> <num>"),
    ("", ""),
])
def test_what_varies_by_itself_is_masked_and_what_stands_before_the_words_goes(line, words):
    assert words == told(line)


def test_numbers_of_all_kinds_are_alike():
    whole, broken = masked("size 5"), masked("size 5.5")

    assert whole != broken
    assert alike(whole) == alike(broken) == alike(masked("size -5"))
    assert broken == wider(whole, broken) == wider(broken, whole)


def test_of_a_long_line_the_beginning_is_looked_at():
    assert masked("a" * LONGEST) == masked("a" * (LONGEST + 10))


@pytest.mark.parametrize("text", ["1," * 2000, "1." * 2000, "a:" * 2000, "0" * 4096, "f" * 4096, "Jan " * 1000,
                                  "-" * 4096, "1:" * 2000, "9:9:" * 1000, "::" * 2000])
def test_no_line_takes_long(text):
    import time

    began = time.process_time()
    masked(text)

    assert time.process_time() - began < 0.5


signs = st.sampled_from([*(chr(ord(WILD) + n) for n in range(len(MASKS) + 1))])
pieces = st.one_of(signs, st.sampled_from(["<num>", "<*>", "\\", "\\\\", "<", ">", "a b", "<x>"]), st.text(max_size=3))


@given(st.lists(pieces, max_size=12).map("".join))
@example("\\" + WILD)
@example("\\<num>")
def test_what_people_read_says_all(words):
    words = "".join(char for char in words if not ord(WILD) + len(MASKS) < ord(char) < ord(WILD) + 16)

    assert alike(words) == read(shown(words))


@given(st.text(max_size=40))
def test_words_are_divided_by_plain_blanks_alone_and_fit_into_a_line(text):
    words = masked(text)

    assert set(words) & set("\x0b\x1c\x85\xa0\u2028") == set()
    assert len(words.replace("\n", " ").replace("\r", " ").replace("\x0c", " ").splitlines()) <= 1
