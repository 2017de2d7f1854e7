"""corowatch: a log watcher made of generator coroutines.

    file ─▶ tail ─▶ frame ─▶ scan ─▶ grep ─▶ threshold ─▶ alert ─▶ outbox ┃─▶ courier ─▶ sink ─▶ world
     ▲      │       Block    Event   Event   Event       Alert    row     ┃   (a thread a sink)
   watchdog └─ positions, Memory, totals ──────── one transaction ────────┛
   (only wakes)

A log line is pushed. `tail` reads a chunk, `frame` cuts it after the last newline, `scan` makes an Event of
each line that may interest someone, every node is a `grep()`-shaped coroutine that decides and sends on, and
`alert` ends in the outbox. When the outermost `send` returns, the line has been dealt with; only then its
position is saved, in one transaction with all that it caused. Delivery is another thread's work.

Where to begin reading: `core/coroutine.py`, `nodes/grep.py`, `core/graph.py`, `core/scan.py`, `daemon.py`.

    core/      pure: no clock, no files, no threads, no logging; testable with send() and a list
    engines/   which lines of a Block may interest whom
    nodes/     one kind a file, pure;   sources/, sinks/  one kind a file, I/O
               around `tail`: `globs` finds files, `lives` are those that are followed, `life` reads one, `content`
               has its bytes, `absent` are those of the last run, `beside` what was rotated, copied and packed
    store.py   state.db;   courier.py  deliveries;   watch.py  wake-ups;   daemon.py  the pump
    child.py   a command run to its end;   terminal.py  who reads;   durable.py  what a power cut leaves
    mail.py    alerts as a letter;   cache.py  what takes long to make
    discovery.py  where kinds come from;   observer.py  what the kernel tells;   slices.py  a processor, soon
"""

__version__ = "0.1.0"
