from corowatch.core.memory import Memory


def test_it_knows_which_keys_changed():
    memory = Memory({"a": 1, "b": 2, "c": 3})
    assert not memory.changed

    memory["a"] = 10
    del memory["b"]
    memory["d"] = 4

    assert {"a": 10, "b": None, "d": 4} == dict(memory.changes())
    memory.written()
    assert {} == dict(memory.changes())
    assert {"a": 10, "c": 3, "d": 4} == dict(memory)
    assert 3 == len(memory)
    assert "c" in memory
