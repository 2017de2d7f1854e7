"""Commands that run only when a person asks for them: one a file, imported when it is called."""

from __future__ import annotations

import importlib
import keyword
from typing import Any

import click

NAMES = ("accept", "backtest", "graph", "import", "init", "replay", "suggest", "test", "why")


class Later(click.Group):
    """A group whose further commands are imported when they are asked for, so that `run` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *NAMES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in NAMES:
            module = cmd_name + "_" * keyword.iskeyword(cmd_name)
            command: Any = importlib.import_module(f"corowatch.commands.{module}").command
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)
