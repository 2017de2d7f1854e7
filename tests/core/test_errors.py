from corowatch.core.errors import ConfigError, Mistake, Place, Undelivered


def test_mistakes_come_in_order_each_once_with_line_and_caret():
    first, second = Place("c.yaml", 2, 3), Place("c.yaml", 4, 1)

    error = ConfigError([Mistake(second, "late", ""), Mistake(first, "early", "\tx: y"), Mistake(second, "late", "")])

    assert "c.yaml:2:3: early\n     x: y\n      ^\nc.yaml:4:1: late" == str(error)


def test_a_mistake_may_be_that_of_a_whole_file():
    assert "c.yaml: cannot be read" == str(ConfigError([Mistake(Place("c.yaml"), "cannot be read")]))


def test_a_sink_says_whether_trying_again_is_of_use():
    assert [("no answer", False), ("no such user", True)] == [
        (error.why, error.permanent)
        for error in (Undelivered("no answer"), Undelivered("no such user", permanent=True))]

