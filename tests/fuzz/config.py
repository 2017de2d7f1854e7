"""Any text is a Config, or a ConfigError that can be shown, within a second."""

from __future__ import annotations

from pathlib import Path
from time import process_time

from corowatch.core.config import ConfigFile
from corowatch.core.describe import expression
from corowatch.core.errors import ConfigError
from corowatch.discovery import discover
from corowatch.loading import load_texts

SECONDS = 1.0
BETWEEN = "\n%%%\n"
"""Between two files of one config."""
ROOT = Path(__file__).parents[2]
SEEDS = [path.read_bytes() for path in sorted((ROOT / "config").rglob("*.yaml"))] + [
    b"flows: {a: {from: b, alert: }, b: {from: a}}", b"flows: &x [*x, *x]",
    b"flows:\n  a: [{tail: x, name: n}, drop: x]",
    b"{? [a, b] : c}", b"flows:\n\ta: b", b"flows: {a: {stdin: {}, where: 'a > 1 and not (b in [1, 2])', alert: }}",
    b"x: !!python/object:os.system x", b"a: 1\na: 2", b"sinks: {s: {exec: ['${env:HOME}', '{a}']}}" + BETWEEN.encode() +
    b"flows: {a: {stdin: {}, set: {a: '{b}', redact: '(?i)(a)='}, alert: {to: s}}}",
]
WORDS = sorted({word for kind in discover() for word in (kind.name, *kind.options)} | {
    "flows", "sinks", "defaults", "from", "name", "otherwise", "x-", "${env:", "${credential:", "{{", "}}", "!!",
    "<<: *", "&a ", "*a", "|\n ", ">-\n ", "? ", "- ", ": ", "\\x", "(?P<a>", "(?i)", "1h", "5m", "64KiB", BETWEEN,
    "within", "matches", "'", '"', "[", "]", "{", "}", "\t", "\u2028", "\x85", "\ufeff", "combined", "csv", "regex",
    "and not"})


def one(data: bytes) -> None:
    """Load it, as the daemon does, and describe it, as `corowatch check` does."""
    texts = data.decode("utf-8", "surrogateescape").split(BETWEEN)
    files = [ConfigFile(f"{number}.yaml", text, "/nonexistent") for number, text in enumerate(texts[:3])]
    refused = "none"
    began = process_time()
    try:
        config = load_texts(files)
        for flow in {step.flow for step in config.steps.values()}:
            expression(config, flow, 80)
    except ConfigError as error:
        refused = str(error)
    took = process_time() - began
    assert refused, "a config is refused for something"
    assert took < SECONDS, f"{took:.1f} s for {len(data)} bytes"
