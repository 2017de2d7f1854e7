"""Sink kinds: one a file, the folder is the list. Each runs as a coroutine in its courier's thread."""
