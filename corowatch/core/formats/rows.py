"""A row of comma-separated values (RFC 4180)."""

from __future__ import annotations

import csv

from corowatch.core.formats import Format, Found


def row_of(columns: tuple[str, ...]) -> Format:
    """The format of rows with these columns; values are texts. A row of more or fewer is none."""

    def row(text: str) -> Found | None:
        try:
            values = next(csv.reader([text], strict=True))
        except csv.Error:
            return None
        return dict(zip(columns, values, strict=True)) if len(values) == len(columns) else None

    return row
