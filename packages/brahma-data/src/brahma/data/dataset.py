"""`Dataset`: the rows of one or many files, streamed, validated, each named by file and line."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, SupportsIndex, TypeAlias, cast, overload

from brahma.core.errors import DataError, RowError
from brahma.data._sources import expand_sources
from brahma.data._validation import parse_row
from brahma.data.layouts import KINDS, LAYOUT_OF_FORMAT, Layout, layouts_of, unknown_layout
from brahma.data.readers import TextDocument, read_row_at, read_rows
from brahma.data.rows import ROWS_IN_MEMORY, BadRow, Kind, RawRow, Row, place

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from brahma.data.example import Example

Format = Literal["auto", "text", "jsonl", "chat", "completion", "instruct", "sharegpt"]
Paths = str | Path | Sequence[str | Path]
Data: TypeAlias = "str | Path | Dataset | Sequence[str | Path | Mapping[str, object]]"
"""What the SDK takes for data, see `Dataset.of`."""


@dataclass(frozen=True, slots=True)
class DatasetOptions:
    """How rows are read; two data sets with equal sources and options hold the same rows.

    Attributes:
        format: what the user asked for; `auto` goes by the first valid row.
        text_document: what one document is in a `.txt` file.
        on_bad_row: raise at a bad row, or skip and count it.
    """

    format: Format = "auto"
    text_document: TextDocument = "file"
    on_bad_row: Literal["error", "skip"] = "error"


class Dataset:
    """Rows for training or evaluation. Iterating streams them; no more than one row is held in memory.

    (One document can be a whole `.txt` file, see `text_document`.)

    Attributes:
        sources: the files, in order; empty for rows given as a list.
        options: how they are read.
        template: a Jinja chat template file to use instead of the tokenizer's own.
        format: `text`, `chat` or `completion`; all rows are of one kind.
        layout: of the first valid row; what is trained on in `instruct` and `sharegpt` rows is a chat.
    """

    sources: tuple[Path, ...]
    options: DatasetOptions
    template: Path | None
    format: Kind
    layout: Layout

    def __init__(
        self,
        sources: Sequence[Path],
        options: DatasetOptions = DatasetOptions(),
        *,
        template: str | Path | None = None,
        rows: Sequence[RawRow | BadRow] = (),
    ) -> None:
        """Use `from_file`, `from_files` or `from_rows`."""
        if isinstance(sources, str | Path):
            raise DataError(
                f"Dataset({str(sources)!r}) does not read a file", hint=f'Dataset.from_file("{sources}")'
            )
        self.sources = tuple(sources)
        self.options = options
        self.template = None if template is None else Path(template)
        self._raw = tuple(rows)
        self._index: _Index | None = None
        self.layout, self._first = self._recognise()
        self.format = KINDS[self.layout]

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        format: Format = "auto",
        text_document: TextDocument = "file",
        on_bad_row: Literal["error", "skip"] = "error",
        template: str | Path | None = None,
    ) -> Dataset:
        """Rows of a file, a folder or a glob.

        Args:
            path: `.txt`, `.jsonl`, `.ndjson`, `.json`, `.csv` or `.tsv`, also with `.gz`, `.zst`, `.bz2` or
                `.xz`; `.parquet`; or what a plugin reads. A name that is not there is looked for in `data/`.
            format: `auto` goes by the first valid row; else each row must be of this format.
            text_document: what one document is in a `.txt` file.
            on_bad_row: raise at a bad row, or skip and count it.
            template: a Jinja chat template file to use instead of the tokenizer's own.

        Raises:
            DataError: no such file, no data, no valid row, more than one format.
            RowError: the first row is bad (further ones are found on the way).
        """
        return cls.from_files(
            path, format=format, text_document=text_document, on_bad_row=on_bad_row, template=template
        )

    @classmethod
    def from_files(
        cls,
        paths: Paths,
        *,
        format: Format = "auto",
        text_document: TextDocument = "file",
        on_bad_row: Literal["error", "skip"] = "error",
        template: str | Path | None = None,
    ) -> Dataset:
        """Rows of several files, folders or globs, in the order given. See `from_file`."""
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        options = DatasetOptions(format, text_document, on_bad_row)
        return cls(expand_sources(given), options, template=template)

    @classmethod
    def of(cls, data: Data) -> Dataset:
        """The rows of whatever the SDK takes for data.

        Args:
            data: a data set; a path, folder or glob; a list of `Path`s; or a list of rows (objects or texts).

        Raises:
            DataError: the list is empty, or holds paths beside rows, or as strings.
        """
        if isinstance(data, Dataset):
            return data
        paths, rows = _paths_or_rows(data)
        return cls.from_files(paths) if paths else cls.from_rows(rows)

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, object] | str],
        *,
        format: Format = "auto",
        on_bad_row: Literal["error", "skip"] = "error",
        template: str | Path | None = None,
    ) -> Dataset:
        """Rows that are in memory already: objects as in a `.jsonl` file, or texts. See `from_file`.

        `line` of a row is its number in the list, from 1.
        """
        if isinstance(rows, str):
            raise DataError(
                "a string is no list of rows", hint="Dataset.from_file(path), or Dataset.from_rows([text])"
            )
        raw = [_raw_row(value, line) for line, value in enumerate(rows, 1)]
        return cls((), DatasetOptions(format, on_bad_row=on_bad_row), template=template, rows=raw)

    def __iter__(self) -> Iterator[Row]:
        """The valid rows, in order.

        Raises:
            RowError: a bad row, with `on_bad_row="error"`.
            DataError: a damaged file; rows of more than one format.
        """
        for row in self.scan():
            if isinstance(row, Row):
                yield row
            elif self.options.on_bad_row == "error":
                raise row.error

    def scan(self, source: Path | None = None) -> Iterator[Row | BadRow]:
        """Every row, valid or bad, whatever `on_bad_row` says; of one source or of all.

        Raises:
            DataError: a damaged file; rows of more than one format.
        """
        yield from map(self._checked, self._read(self.sources if source is None else (source,)))

    def scan_part(self, source: Path, *, start: int, line: int, stop: int) -> Iterator[Row | BadRow]:
        """As `scan`, the rows that begin in the bytes from `start`, where that line begins, to `stop`."""
        for raw in read_rows(source, text_document=self.options.text_document, start=start, line=line):
            if raw.offset >= stop:
                return
            yield self._checked(raw)

    def _checked(self, raw: RawRow | BadRow) -> Row | BadRow:
        if isinstance(raw, BadRow):
            return raw
        try:
            return self._row(raw)
        except RowError as error:
            return BadRow(raw.source, raw.line, raw.offset, error)

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """`(file:line, reason)` of every row that is skipped. Reads all sources once."""
        return list(self._indexed().skipped)

    def __len__(self) -> int:
        """Number of valid rows. Reads all sources once."""
        return len(self._indexed().lines)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Row | list[Row]:
        """The valid row of that number, counted from the end when negative; or the rows of a slice.

        Reads all sources once, at the first use; then only what is asked for.

        Raises:
            IndexError: there are not so many rows.
        """
        if isinstance(index, slice):
            return [self._row_at(number) for number in range(*index.indices(len(self)))]
        number, count = operator.index(index), len(self)
        if not -count <= number < count:
            raise IndexError(f"row {number} of {count:,} rows; the first is 0, the last {count - 1}")
        return self._row_at(number)

    def show(
        self,
        index: int = 0,
        *,
        tokenizer: PreTrainedTokenizerBase | str | Path | None = None,
        template: str | Path | None = None,
    ) -> Example:
        """A row with what is trained in it marked.

        Args:
            index: number of the row.
            tokenizer: a fast one, its folder or hub id: shows the very tokens that a model is trained on.
                None: shows the row as it was written, where answers are trained and running text is whole.
            template: a Jinja chat template, instead of the data set's or the tokenizer's own.

        Raises:
            IndexError: there are not so many rows.
            RowError: no token of the row is supervised.
            TokenizerError: the tokenizer cannot be loaded or is not a fast one.
            TemplateError: the conversation cannot be rendered or supervised.
        """
        from brahma.data.example import example_of_row, example_of_tokens

        row = self[operator.index(index)]
        if tokenizer is None:
            return example_of_row(row)
        from brahma.data.encode import Encoder
        from brahma.data.tokenizer import loaded_tokenizer

        loaded = loaded_tokenizer(tokenizer)
        return example_of_tokens(row, Encoder(loaded, template or self.template).encode(row), loaded)

    def _row_at(self, index: int) -> Row:
        entries = self._indexed()
        line, offset = entries.lines[index], entries.offsets[index]
        if self.sources:
            source = self.sources[entries.sources[index]]
            raw = read_row_at(source, line=line, offset=offset, text_document=self.options.text_document)
        else:
            raw = self._raw[line - 1]
        if isinstance(raw, BadRow):
            raise raw.error
        return self._row(raw)

    def __repr__(self) -> str:
        more = f" and {len(self.sources) - 1} more" if len(self.sources) > 1 else ""
        source = f"{self.sources[0]}{more}" if self.sources else "in memory"
        return f"Dataset({self.format}, {source}, {self._count()})"

    def _count(self) -> str:
        """How many rows, as far as that is known: a `repr` reads no file."""
        if self._index is None and self.sources:
            return "rows not counted yet"
        count = len(self._raw) if self._index is None else len(self._index.lines)
        skipped = len(self._index.skipped) if self._index else 0
        return f"{count:,} row{'s' * (count != 1)}" + (f", {skipped:,} skipped" if skipped else "")

    def _read(self, sources: Sequence[Path]) -> Iterator[RawRow | BadRow]:
        yield from self._raw if not self.sources else _read(sources, self.options.text_document)

    def _row(self, raw: RawRow) -> Row:
        layouts = layouts_of(raw.value)
        if not layouts:
            raise _unknown(raw)
        plain = isinstance(raw.value, str) and raw.source is not ROWS_IN_MEMORY
        layout = self.layout if self.layout in layouts else self._equal_layout(layouts)
        if layout is None or (plain and self.options.format == "jsonl"):
            raise self._mismatch(raw, "plain text" if plain else layouts[0])
        return parse_row(raw, layout)

    def _equal_layout(self, layouts: Sequence[Layout]) -> Layout | None:
        """The row's layout, if it is of the same kind as the others are; rows of chats may differ in it."""
        equal = [layout for layout in layouts if KINDS[layout] == self.format]
        return equal[0] if len(equal) == 1 and self.options.format == "auto" else None

    def _recognise(self) -> tuple[Layout, str]:
        """The layout, and the place of the first valid row."""
        first: RowError | None = None
        for raw in self._read(self.sources):
            try:
                if isinstance(raw, BadRow):
                    raise raw.error
                self.layout = self._layout_of(raw)
                self.format = KINDS[self.layout]
                self._row(raw)
                return self.layout, place(raw.source, raw.line)
            except RowError as error:
                if self.options.on_bad_row == "error":
                    raise
                first = first or error
        raise self._no_valid_row(first)

    def _layout_of(self, raw: RawRow) -> Layout:
        if self.options.format != "auto":
            return LAYOUT_OF_FORMAT[self.options.format]
        layouts = layouts_of(raw.value)
        if not layouts:
            raise _unknown(raw)
        if len(layouts) > 1:
            raise DataError(
                f"the row fits more than one format: {', '.join(layouts)}",
                where=place(raw.source, raw.line),
                hint=f'Say which one is meant, for example "format": "{layouts[-1]}"',
            )
        return layouts[0]

    def _mismatch(self, raw: RawRow, found: str) -> DataError:
        where = place(raw.source, raw.line)
        if self.options.format != "auto":
            message = f"the row is {found}, but the format was given as {self.options.format}"
            return DataError(message, where=where, hint='Leave the format at "auto", or give the right one')
        return DataError(
            f"the formats are mixed: this row is {found}, others are {self.layout}",
            where=where,
            why=f"{self._first} is {self.layout}",
            hint="Train on one format at a time, or convert one of them",
        )

    def _no_valid_row(self, first: RowError | None) -> DataError:
        where = ", ".join(map(str, self.sources[:3])) or str(ROWS_IN_MEMORY)
        why = None if first is None else f"the first bad one: {_in_a_line(first)}"
        hint = first.hint if first is not None else "Give a file that holds rows"
        return DataError("no valid row", where=where, why=why, hint=hint)

    def _indexed(self) -> _Index:
        if self._index is None:
            self._index = self._make_index()
        return self._index

    def _make_index(self) -> _Index:
        index = _Index()
        numbers = {source: number for number, source in enumerate(self.sources)}
        for row in self.scan():
            if isinstance(row, Row):
                index.sources.append(numbers.get(row.source, 0))
                index.lines.append(row.line)
                index.offsets.append(row.offset)
            elif self.options.on_bad_row == "error":
                raise row.error
            else:
                index.skipped.append((row.error.where or place(row.source, row.line), row.error.message))
        return index


def raw_rows(data: Data) -> Iterator[RawRow | BadRow]:
    """The rows of whatever the SDK takes for data as they stand there, of any keys.

    Raises:
        DataError: no such file, a damaged one, or a list as `Dataset.of` refuses it.
    """
    if isinstance(data, Dataset):
        yield from data._read(data.sources)
        return
    paths, rows = _paths_or_rows(data)
    if paths:
        yield from _read(expand_sources(paths), "file")
    yield from (_raw_row(value, line) for line, value in enumerate(rows, 1))


def _paths_or_rows(
    data: str | Path | Sequence[str | Path | Mapping[str, object]],
) -> tuple[list[str | Path], list[str | Mapping[str, object]]]:
    """Which of the two a list holds; the other one is empty."""
    if isinstance(data, str | Path):
        return [data], []
    if not data:
        raise DataError("there are no rows", why="the list is empty", hint="Give at least one row")
    paths: list[str | Path] = [each for each in data if isinstance(each, Path)]
    rows = [each for each in data if not isinstance(each, Path)]
    if paths and rows:
        raise DataError("paths and rows in one list", hint="Give paths alone, or rows alone")
    for each in rows:
        if isinstance(each, str) and len(each) < 256 and Path(each).is_file():
            raise DataError(
                f"the string {each!r} in a list is a text, and is also the name of a file",
                hint=f'Dataset.from_files(["{each}"]) reads it; from_rows takes the text',
            )
    return paths, rows


def _read(sources: Iterable[Path], text_document: TextDocument) -> Iterator[RawRow | BadRow]:
    for source in sources:
        empty = True
        for raw in read_rows(source, text_document=text_document):
            empty = False
            yield raw
        if empty:
            yield BadRow(source, 1, 0, _no_rows(str(source)))


class _Index:
    """Where each valid row starts: 20 bytes a row."""

    def __init__(self) -> None:
        self.sources = array("i")
        self.lines = array("q")
        self.offsets = array("q")
        self.skipped: list[tuple[str, str]] = []


def _unknown(raw: RawRow) -> RowError:
    return unknown_layout(cast("dict[str, object]", raw.value), where=place(raw.source, raw.line))


def _no_rows(where: str) -> RowError:
    return RowError(
        "the file is empty: it holds no rows", where=where, hint="Take it out of the folder or list"
    )


def _raw_row(value: object, line: int) -> RawRow | BadRow:
    if isinstance(value, str | Mapping):
        return RawRow(ROWS_IN_MEMORY, line, 0, value if isinstance(value, str) else dict(value))
    error = RowError(
        f"the row is of type {type(value).__name__}, neither an object nor a string",
        where=place(ROWS_IN_MEMORY, line),
        hint='Give rows as {"text": "…"}, {"messages": […]} or {"prompt": "…", "completion": "…"}',
    )
    return BadRow(ROWS_IN_MEMORY, line, 0, error)


def _in_a_line(error: RowError) -> str:
    found = f" ({error.why})" if error.why else ""
    return f"{error.where}: {error.message}{found}"
