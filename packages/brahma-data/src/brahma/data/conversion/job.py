"""`brahma.data.convert`: files of rows become one file of rows of another layout, or in another container."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from brahma.core.errors import DataError, RowError
from brahma.core.progress import progress
from brahma.data._compression import split_ending
from brahma.data._sources import expand_sources
from brahma.data.conversion.forms import Talk, WouldLoseError
from brahma.data.conversion.one_layout import OneLayout
from brahma.data.conversion.options import Exchanges, Options, SystemTurn
from brahma.data.conversion.reading import form_of, renamed, selected
from brahma.data.conversion.report import ConversionReport
from brahma.data.conversion.room import Losses, check_border, check_cells, check_plain
from brahma.data.conversion.rules import Rule
from brahma.data.conversion.target import TABLES, Format, Target, target_of
from brahma.data.conversion.texts import TextUnit, first_lines, rule_for, talks_of
from brahma.data.conversion.ways import Notes, rows_of
from brahma.data.layouts import Layout
from brahma.data.readers import TextDocument, read_rows
from brahma.data.rows import BadRow, RawRow, Role, place
from brahma.data.writers import Write, check_output, open_writer

_BORDERS: Mapping[Rule, str] = {"transcript": "---\n", "join": "\n"}
"""What stands between two documents of a plain text file: a transcript's are found again by it."""


def convert(
    paths: str | Path | Iterable[str | Path],
    output: str | Path | None,
    *,
    format: Format | None = None,
    layout: Layout | None = None,
    rule: Rule = "auto",
    prompt: str | None = None,
    speakers: Mapping[str, Role] | None = None,
    system: SystemTurn = "keep",
    turns: Exchanges = "keep",
    rename: Mapping[str, str] | None = None,
    keep_keys: Collection[str] | None = None,
    drop_keys: Collection[str] = (),
    text_document: TextUnit = "auto",
    on_bad_row: Literal["error", "skip"] = "error",
    overwrite: bool = False,
) -> ConversionReport:
    """Write the rows of files as rows of another layout, or into another container.

    What the new layout or container cannot carry is refused, with the first row and the number of rows,
    until an option says what becomes of it. The output is written whole or not at all.

    Args:
        paths: files, folders or globs, in the order given; `-` is standard input.
        output: a file whose ending says the container; None or `-` for standard output, in JSON Lines.
        format: `text`, `chat`, `completion`, `instruct` or `sharegpt`: the layout of the rows written; or a
            container (`jsonl`, `json`, `csv`, `tsv`, `parquet`). None or a container keeps the layout.
        layout: of the rows read, where their keys fit more than one.
        rule: how turns are built of running text, or running text of turns; see `RULES`. `auto`:
            `transcript` where the first line of the text names a speaker, `continue` for a `.txt` file of
            three paragraphs or more that is one document, else `title`.
        prompt: the request to which each document is the answer, for the rule `prompt`.
        speakers: names in a transcript -> roles, instead of the known names.
        system: what becomes of a system turn: `keep` where there is a place for it, `prompt` puts it before
            the first request, `drop` leaves it out.
        turns: what becomes of several exchanges: `keep` where there is a place for them, `split` makes a
            row of each, `join` writes the earlier ones into the prompt of a completion.
        rename: keys or columns of the files -> what they are to be called.
        keep_keys: of the rows' other keys, only these. None: all.
        drop_keys: other keys that are left out; `all` for all.
        text_document: what one document is in plain text; `auto`: the file, of a transcript a conversation.
        on_bad_row: `skip` leaves malformed rows out and counts them.
        overwrite: replace an existing output.

    Raises:
        ConfigError: options that contradict each other, or the output.
        DataError: something would be lost; no row was written; a file cannot be read or written.
        RowError: a malformed row, with `on_bad_row="error"`.
    """
    target = target_of(output, format)
    names = None if speakers is None else {name.lower(): role for name, role in speakers.items()}
    options = Options(
        rule="transcript" if names and rule == "auto" else rule,
        prompt=prompt,
        speakers=names,
        system=system,
        turns=turns,
        renamed=rename or {},
        keep_keys=keep_keys,
        drop_keys=drop_keys,
    )
    options.check(target.layout)
    sources = expand_sources([paths] if isinstance(paths, str | Path) else paths)
    check_output(target.output, inputs=sources, overwrite=overwrite)
    job = _Job(target, options, layout, text_document, on_bad_row == "skip")
    with open_writer(target.output, ending=target.ending, text_document=job.written_as) as write:
        job.run(sources, write)
    return job.report()


class _Job:
    """One conversion under way."""

    def __init__(
        self, target: Target, options: Options, layout: Layout | None, document: TextUnit, skips: bool
    ) -> None:
        self.target, self.options, self.layout = target, options, OneLayout(layout)
        self.document, self.skips = document, skips
        self._container = target.container
        self._borders = _BORDERS.get(options.rule, "") if self._container == ".txt" else ""
        self.written_as: TextDocument = "file" if self._borders else "blank_line"
        if not self._borders and document in ("line", "file"):
            self.written_as = document
        self.notes: Notes = Counter()
        self.losses = Losses()
        self.skipped: list[tuple[str, str]] = []
        self.read = self.written = 0
        self.example: Mapping[str, Any] = {}

    def run(self, sources: Iterable[Path], write: Write) -> None:
        """Convert all rows; raises once all are read when something would be lost."""
        files = list(sources)
        with progress("converting", total=sum(file.stat().st_size for file in files), unit="bytes") as task:
            done = 0
            for file in files:
                size = file.stat().st_size
                for unit in self._units(file):
                    self._convert(unit, write)
                    task.update(done + min(_offset(unit), size))
                done += size
                task.update(done)
        self.losses.refuse(self.read)
        if not self.written:
            raise DataError(
                "no row was written",
                where=", ".join(map(str, files[:3])),
                why=f"{self.read:,} read, {len(self.skipped):,} of them skipped",
                hint="Look at the file with `brahma data inspect`",
            )

    def _units(self, file: Path) -> Iterator[RawRow | BadRow | Talk]:
        """The rows of a file; the conversations of a plain text one that is a transcript."""
        is_text = split_ending(file.name)[0] == ".txt" and self.target.layout not in (None, "text")
        if is_text and self.document == "auto":
            if self.options.rule == "auto":
                self._settle_rule(first_lines(file), str(file), whole_file=True)
            if self.options.rule == "transcript":
                return talks_of(file, self.options.speakers, self.notes)
            if self.options.rule != "continue":
                self.notes["file taken as one document (--text-document blank_line or line cuts it up)"] += 1
        return read_rows(file, text_document="file" if self.document == "auto" else self.document)

    def _convert(self, unit: RawRow | BadRow | Talk, write: Write) -> None:
        self.read += 1
        for row in self._good_rows(unit):
            if not self.losses:
                self._write(row, write)

    def _good_rows(self, unit: RawRow | BadRow | Talk) -> Iterator[Mapping[str, Any]]:
        """What a unit becomes; what is bad in it is raised or skipped, what would be lost gathered."""
        try:
            for row in self._rows(unit):
                if isinstance(row, BadRow):
                    self._skip(row.error)
                    continue
                self._check_room(row)
                yield row
        except WouldLoseError as loss:
            self.losses.add(loss, place(unit.source, unit.line))
        except RowError as error:
            self._skip(error)

    def _check_room(self, row: Mapping[str, Any]) -> None:
        """Raises WouldLoseError for what the container cannot hold."""
        if self._container == ".txt":
            check_plain(row)
            if not self._borders:
                check_border(row["text"], self.written_as, self.written)
        elif self._container in TABLES:
            check_cells(row, self.notes)

    def _skip(self, error: RowError) -> None:
        if not self.skips:
            raise error
        self.skipped.append((error.where or "", error.message))

    def _write(self, row: Mapping[str, Any], write: Write) -> None:
        if not self.written:
            self.example = row
        write(self._bordered(row["text"]) if self._borders else row)
        self.written += 1

    def _bordered(self, text: str) -> str:
        """A document of a plain text file with what stands between it and the last one."""
        return f"{self._borders if self.written else ''}{text}\n"

    def _rows(self, unit: RawRow | BadRow | Talk) -> Iterator[Mapping[str, Any] | BadRow]:
        if isinstance(unit, BadRow):
            yield unit
        elif isinstance(unit, Talk):
            yield from rows_of(unit, self.target.layout or "text", self.options, self.notes)
        else:
            yield from self._of_raw(renamed(unit, self.options.renamed))

    def _of_raw(self, raw: RawRow) -> Iterator[Mapping[str, Any] | BadRow]:
        row, layout = self.layout.valid(raw)
        value = raw.value
        if not isinstance(value, str) and self.options.selects:
            value = selected(value, layout, self.options, self.notes)
        target = self.target.layout or layout
        if layout == target and not self.options.changes_turns:
            yield {"text": value} if isinstance(value, str) else value
            return
        if layout == "text" and self.options.rule == "auto":
            self._settle_rule(row.text.split("\n"), row.where)
        yield from rows_of(form_of(row, value, layout, self.notes), target, self.options, self.notes)

    def _settle_rule(self, lines: Iterable[str], where: str, *, whole_file: bool = False) -> None:
        """Choose the rule by the first text; it holds for all."""
        rule = rule_for(lines, self.options, where, whole_file=whole_file)
        self.options = replace(self.options, rule=rule)

    def report(self) -> ConversionReport:
        """What was done."""
        layout = self.layout.layout or "text"
        target = self.target.layout or layout
        is_built = layout == "text" and target != "text"
        return ConversionReport(
            output=self.target.output,
            source_layout=layout,
            target_layout=target,
            read=self.read,
            written=self.written,
            skipped=tuple(self.skipped),
            notes=dict(self.notes),
            rule=self.options.rule if is_built else None,
            example=self.example,
        )


def _offset(unit: RawRow | BadRow | Talk) -> int:
    """The byte of the decompressed file at which it stands, 0 where that is not known."""
    return 0 if isinstance(unit, Talk) else unit.offset
