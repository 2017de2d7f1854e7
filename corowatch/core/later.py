"""Modules that cost much, and that most runs have no use for."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """A module that is loaded when something of it is used. Raises ImportError then."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)
