"""Parquet files: read by row groups, written in batches, never held whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from brahma.core.errors import DataError, RowError
from brahma.core.extras import needs
from brahma.data._row_text import row_place
from brahma.data.layouts import Value
from brahma.data.readers import ReadOptions
from brahma.data.rows import BadRow, RawRow, place
from brahma.data.writers import writing

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

_EXTRA = "brahma-data[parquet]"
_BUFFER = 1 << 20
_READ_ROWS = 128
_BATCH_ROWS = 10_000
_BATCH_CHARACTERS = 1 << 24


class ParquetSink:
    """Writes rows; their schema is that of the first batch. Lists and objects stay lists and structs.

    Args:
        part: the file that is written.
        path: the name that errors show.
    """

    def __init__(self, part: Path, path: Path) -> None:
        with needs(_EXTRA, "writing .parquet"):
            import pyarrow as pyarrow
            from pyarrow import parquet as parquet
        self._part, self._path, self._name = part, path, path.name
        self._rows: list[Mapping[str, Any]] = []
        self._characters = self._written = 0
        self._schema = pyarrow.schema([])
        self._file: parquet.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None or self._file is None:
            return
        with suppress(OSError):  # the file is removed; the error that is under way says what happened
            self._file.close()

    def write(self, value: Value) -> None:
        """Hold the row until its batch is full."""
        row = {"text": value} if isinstance(value, str) else value
        self._rows.append(row)
        self._characters += _characters(row)
        if len(self._rows) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
            with writing(self._path):
                self._flush()

    def finish(self) -> None:
        """Write what is held. A file without rows has no columns."""
        with writing(self._path):
            self._flush().close()

    def _flush(self) -> parquet.ParquetWriter:
        import pyarrow
        from pyarrow import parquet

        if self._file is None:
            self._schema = self._first_schema()
            self._file = parquet.ParquetWriter(self._part, self._schema, compression="zstd")
        if self._rows:
            self._check_columns()
            columns = [self._column(field) for field in self._schema]
            self._file.write_table(pyarrow.Table.from_arrays(columns, schema=self._schema))
        self._written += len(self._rows)
        self._rows, self._characters = [], 0
        return self._file

    def _first_schema(self) -> pyarrow.Schema:
        import pyarrow

        names = dict.fromkeys(key for row in self._rows for key in row)
        types = {name: _named_type(self._inferred(name)) for name in names}
        return pyarrow.schema(list(types.items()))

    def _inferred(self, name: str) -> pyarrow.DataType:
        import pyarrow

        values = [row.get(name) for row in self._rows]
        try:
            return pyarrow.infer_type(values)
        except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
            for number in range(len(values)):
                try:
                    pyarrow.infer_type(values[: number + 1])
                except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError):
                    raise self._misfit(number, name, str(error)) from error
            raise

    def _column(self, field: pyarrow.Field) -> pyarrow.Array:
        import pyarrow

        values = [row.get(field.name) for row in self._rows]
        for number, value in enumerate(values):
            if key := _unknown_key(value, field.type):
                raise self._misfit(number, field.name, f"the first rows have no {key!r} in it")
        try:
            return pyarrow.array(values, field.type)
        except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
            for number, value in enumerate(values):
                try:
                    pyarrow.array([value], field.type)
                except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError):
                    raise self._misfit(number, field.name, str(error)) from error
            raise

    def _check_columns(self) -> None:
        known = set(self._schema.names)
        for number, row in enumerate(self._rows):
            if more := row.keys() - known:
                raise self._misfit(number, min(more), "the first rows have no such column")

    def _misfit(self, number: int, column: str, why: str) -> RowError:
        return RowError(
            f"the row's {column!r} does not fit the column",
            where=row_place(self._name, self._written + number + 1),
            why=why,
            hint="A column of a .parquet file has one type: make the rows alike, or write .jsonl",
        )


def read_parquet(path: Path, options: ReadOptions) -> Iterator[RawRow | BadRow]:
    """Rows of a Parquet file, a batch of a row group at a time. `offset` is the row's number, from 0.

    Raises:
        DataError: it cannot be opened, is no Parquet file or is damaged, or names a column twice.
        MissingDependencyError: pyarrow is not installed.
    """
    with needs(_EXTRA, "reading .parquet"):
        import pyarrow
        from pyarrow import parquet
    try:
        with path.open("rb") as opened, parquet.ParquetFile(opened, buffer_size=_BUFFER) as file:
            _check_names(path, file.schema_arrow.names)
            for number, value in _values(path, file, options.start):
                if options.end is not None and number >= options.end:
                    return
                yield _row(path, number, value)
    except pyarrow.ArrowException as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # of the library, not of the system
            raise _damaged(path, error) from error
        raise DataError(
            "the file cannot be read",
            where=str(path),
            why=error.strerror,
            hint="Check the path and its permissions",
        ) from error


def _values(
    path: Path, file: parquet.ParquetFile, start: int
) -> Iterator[tuple[int, dict[str, object] | None]]:
    """Each row from `start` with its number; None for one whose text is no UTF-8."""
    number, first = 0, 0  # of the next row; of the first row group that is read
    while first < file.num_row_groups and number + file.metadata.row_group(first).num_rows <= start:
        number += file.metadata.row_group(first).num_rows
        first += 1
    groups = list(range(first, file.num_row_groups))
    for batch in file.iter_batches(_READ_ROWS, row_groups=groups) if groups else ():
        if number + batch.num_rows > start:
            skipped = max(start - number, 0)
            yield from enumerate(_objects(_in_microseconds(path, batch.slice(skipped))), number + skipped)
        number += batch.num_rows


def _in_microseconds(path: Path, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """The batch with times as Python has them: pandas writes nanoseconds, which are hardly ever meant.

    Raises:
        DataError: a time within the microsecond, which would be lost.
    """
    import pyarrow

    try:
        for number, field in enumerate(batch.schema):
            if (kind := _microseconds(field.type)) != field.type:
                batch = batch.set_column(number, field.with_type(kind), batch.column(number).cast(kind))
        return batch
    except pyarrow.ArrowInvalid as error:
        raise DataError(
            "a time is given more finely than in microseconds",
            where=str(path),
            why=str(error).partition("\n")[0],
            hint="Round the column, or write it as text",
        ) from error


def _microseconds(kind: pyarrow.DataType) -> pyarrow.DataType:
    import pyarrow

    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([field.with_type(_microseconds(field.type)) for field in kind])
    if pyarrow.types.is_list(kind):
        return pyarrow.list_(_microseconds(kind.value_type))
    if getattr(kind, "unit", None) != "ns":
        return kind
    if pyarrow.types.is_timestamp(kind):
        return pyarrow.timestamp("us", kind.tz)
    return pyarrow.duration("us") if pyarrow.types.is_duration(kind) else pyarrow.time64("us")


def _objects(batch: pyarrow.RecordBatch) -> Iterator[dict[str, object] | None]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for number in range(batch.num_rows):
            try:
                yield batch.slice(number, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield None


def _row(path: Path, number: int, value: dict[str, object] | None) -> RawRow | BadRow:
    if value is not None:
        return RawRow(path, number + 1, number, value)
    error = RowError(
        "a text of the row is not valid UTF-8", where=place(path, number + 1), hint="Write the file again"
    )
    return BadRow(path, number + 1, number, error)


def _check_names(path: Path, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"two columns are named {twice[0]!r}", where=str(path), hint="Rename one of them")


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        "the file is no Parquet file, or is damaged or cut off",
        where=str(path),
        why=str(error).partition("\n")[0],
        hint="Fetch or make it again",
    )


def _characters(value: object) -> int:
    """About as many bytes as the value takes."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list | tuple) else 8


def _named_type(kind: pyarrow.DataType) -> pyarrow.DataType:
    """The type with text wherever the first rows had only null: that is what later ones most often have."""
    import pyarrow

    if pyarrow.types.is_null(kind):
        return pyarrow.string()
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([(field.name, _named_type(field.type)) for field in kind])
    return pyarrow.list_(_named_type(kind.value_type)) if pyarrow.types.is_list(kind) else kind


def _unknown_key(value: object, kind: pyarrow.DataType) -> str | None:
    """A key that a struct of this type would lose in silence."""
    import pyarrow

    if isinstance(value, Mapping) and pyarrow.types.is_struct(kind):
        fields = {field.name: field.type for field in kind}
        for key, each in value.items():
            if key not in fields:
                return str(key)
            if found := _unknown_key(each, fields[key]):
                return found
    elif isinstance(value, list | tuple) and pyarrow.types.is_list(kind):
        return next((found for each in value if (found := _unknown_key(each, kind.value_type))), None)
    return None
