from corowatch.core.memory import Memory
from corowatch.testing import line


def test_it_knows_which_keys_changed():
    memory = Memory({"a": 1, "b": 2, "c": 3})
    assert not memory.changed

    memory["a"] = 10
    del memory["b"]
    memory["d"] = 4

    assert {"a": 10, "b": None, "d": 4} == dict(memory.changes())
    memory.noted()
    assert {} == dict(memory.changes())
    assert {"a": 10, "c": 3, "d": 4} == dict(memory)
    assert 3 == len(memory)
    assert "c" in memory


def test_a_shelf_is_a_part_of_a_memory():
    memory = Memory({"a/x": 1, "b/x": 2})
    shelf = memory.shelf("a")

    shelf["y"] = 3
    assert {"x": 1, "y": 3} == dict(shelf)
    assert (1, None, 2) == (shelf.get("x"), shelf.get("z"), len(shelf))
    del shelf["x"]

    assert {"a/y": 3, "b/x": 2} == dict(memory)
    assert {"a/y": 3, "a/x": None} == dict(memory.changes())
    assert {"x": 2} == dict(memory.shelf("b"))


def test_what_is_replaced_on_a_shelf_stands_there():
    memory = Memory({"a/x": 1})
    shelf = memory.shelf("a")

    shelf.replace("x", 2)
    shelf.replace("y", 3)

    assert {"x": 2, "y": 3} == dict(shelf) == dict(shelf.peeks())
    assert {"a/x": 2, "a/y": 3} == dict(memory)


def test_what_is_peeked_at_on_a_shelf_stays_packed():
    memory = Memory({"a/x": 1, "a/y": 2, "b/x": 3})

    assert {"x": 1, "y": 2} == dict(memory.shelf("a").peeks())
    assert {} == memory._warm


def test_a_shelf_keeps_the_lines_of_its_keys():
    memory = Memory({"b/x": 2})
    shelf = memory.shelf("a")
    first, second = (line(text).evidence() for text in ("first", "second"))

    shelf.put("x", 1, first, 9)
    shelf.put("x", 2, second, 9)

    assert ["x"] == list(shelf)
    assert (first, second) == shelf.lines("x") == memory.lines("a/x")
    assert () == memory.lines("b/x")
    shelf.clear_lines("x")
    assert () == memory.lines("a/x")
