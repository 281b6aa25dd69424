"""Reads the columns of a table: a CSV, TSV or Parquet file."""

from __future__ import annotations

import csv
import dataclasses
import io
import pathlib
from collections.abc import Sequence

from framework.errors import RunError, UsageError
from framework.system import atomic
from framework.system.printable import printable


@dataclasses.dataclass(frozen=True)
class Table:
    """Some columns of a table.

    Attributes:
        path: The file.
        columns: The cells of each column, as text without blanks around it.
        lines: The line of each row in the file; of a Parquet file, its number from 1.
    """

    path: str
    columns: dict[str, list[str]]
    lines: Sequence[int]

    def where(self, row: int) -> str:
        """Returns the place of a row, for messages."""
        return f"{self.path}, line {self.lines[row]}"


def read(path: str, names: Sequence[str]) -> Table:
    """Reads columns of a table; nothing is written.

    Args:
        path: A .parquet file; or a CSV file in UTF-8 with a line of column names,
            separated by commas or semicolons, or by tabs if it is a .tsv file.
        names: The columns to read.

    Raises:
        UsageError: There is no such file or column; or pyarrow, which reads Parquet
            files, is not installed.
        RunError: The file is damaged, or has no rows, or an empty cell.
    """
    if not pathlib.Path(path).is_file():
        raise UsageError(f"there is no file {path!r}; give a table such as labels.csv")
    if pathlib.Path(path).suffix.lower() == ".parquet":
        table = _read_parquet(path, names)
    else:
        table = _read_csv(path, names)
    if not len(table.lines):
        raise RunError(f"{path} has no rows")
    for name, cells in table.columns.items():
        if "" in cells:
            raise RunError(
                f"{table.where(cells.index(''))}: the column {name!r} is empty; fill "
                f"it in, or delete the line"
            )
    return table


def _read_csv(path: str, names: Sequence[str]) -> Table:
    try:
        content = atomic.read_bytes(pathlib.Path(path))
    except OSError as problem:
        raise RunError(f"{path} cannot be read ({problem.strerror})") from None
    # File names need not be valid text.
    text = content.decode("utf-8-sig", "surrogateescape")
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    if path.lower().endswith(".tsv"):
        delimiter = "\t"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        present = [cell.strip() for cell in next(reader, [])]
        _check_columns(path, names, present)
        for row in reader:
            if not row:
                continue
            if len(row) != len(present):
                raise RunError(
                    f"{path}, line {reader.line_num} has {len(row)} cells, not "
                    f"{len(present)} as the first line; quote cells that contain "
                    f"{delimiter!r}"
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as problem:
        message = f"{path}, line {reader.line_num} is damaged: {problem}"
        raise RunError(message) from None
    places = {name: present.index(name) for name in names}
    columns = {
        name: [row[place].strip() for row in rows] for name, place in places.items()
    }
    return Table(path, columns, lines)


def _read_parquet(path: str, names: Sequence[str]) -> Table:
    try:
        from pyarrow import parquet
    except ImportError as problem:
        raise UsageError(
            f"{path} needs pyarrow ({problem}): pip install 'whyflat[parquet]', or "
            "save the table as CSV"
        ) from None
    try:
        present = parquet.read_schema(path).names
        content = parquet.read_table(path, columns=[n for n in present if n in names])
    except (OSError, ValueError) as problem:
        raise RunError(f"{path} cannot be read: {problem}") from None
    _check_columns(path, names, present)
    columns = {
        name: ["" if cell is None else str(cell).strip() for cell in cells]
        for name, cells in content.to_pydict().items()
    }
    return Table(path, columns, range(1, content.num_rows + 1))


def _check_columns(path: str, names: Sequence[str], present: Sequence[str]) -> None:
    for name in names:
        if name not in present:
            listed = ", ".join(map(repr, map(printable, present)))
            raise UsageError(f"{path} has no column {name!r}; it has {listed}")
        if list(present).count(name) > 1:
            raise UsageError(f"{path} has several columns {name!r}; rename the others")
