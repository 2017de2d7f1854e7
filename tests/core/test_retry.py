from corowatch.core.retry import BASE, CEILING, wait_before


def test_the_bound_doubles_up_to_the_ceiling():
    assert [BASE, 2 * BASE, 4 * BASE, CEILING, CEILING] == [wait_before(n, 1.0) for n in (1, 2, 3, 20, 10_000)]


def test_the_wait_is_drawn_from_nothing_to_the_bound():
    assert [0.0, 2 * BASE] == [wait_before(3, chance) for chance in (0.0, 0.5)]
