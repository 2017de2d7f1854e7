"""Node kinds: one a file, the folder is the list. Pure: no clock, no files, no threads, no logging."""
