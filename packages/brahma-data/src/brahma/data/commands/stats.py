"""`brahma data stats`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brahma.core.console import as_typed, paint, print_table
from brahma.core.layout import columns_of
from brahma.core.sizes import size
from brahma.data.commands import _common_options
from brahma.data.report_text import labelled, numbers, share, skipped_rows

if TYPE_CHECKING:
    from brahma.data.readers import TextDocument
    from brahma.data.statistics import Lengths, SourceStats, Statistics

_BARS = 12
_WIDTH = 30


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--tokenizer", help="Folder, tokenizer.json or hub id: count tokens too.")
@_common_options.text_document
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this file: .png, .svg or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(
    paths: tuple[str, ...],
    tokenizer: str | None,
    text_document: TextDocument,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show what PATHS (files, folders or globs) are like: amounts, lengths, languages, duplicates.

    Rows of any layout may stand side by side; those that cannot be read are counted.
    """
    from brahma.data.statistics import stats as look

    if plot is not None:
        from brahma.data.statistics_plot import check_picture

        check_picture(plot)
    found = look(paths, tokenizer=tokenizer, text_document=text_document)
    if as_json:
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=1))
    else:
        _print(found)
    if plot is not None:
        from brahma.core.plot import save_figure
        from brahma.data.statistics_plot import plot_stats

        save_figure(plot_stats(found), plot)
        click.echo(f"drawn into {as_typed(plot)}", err=True)


def _print(found: Statistics) -> None:
    total, columns = found.total, columns_of(sys.stdout)
    for line in (*labelled(_facts(found), columns), *skipped_rows(total.named, columns)):
        click.echo(line)
    _print_lengths(total)
    _print_histogram(total.tokens if total.tokens.count else total.lengths)
    click.echo()
    print_table(["longest", "row"], [[f"{length:,}", where] for length, where in found.longest])
    if len(found.sources) > 1:
        click.echo()
        for line in numbers(_HEADERS, map(_row, found.sources), columns):
            click.echo(line)


def _facts(found: Statistics) -> Iterator[tuple[str, str]]:
    total = found.total
    yield "rows", f"{total.rows:,} ({_counted(total.layouts)}); {total.bad:,} cannot be read"
    words = f"{total.characters:,} characters, {total.words:,} words"
    yield "text", f"{size(total.bytes)} in UTF-8: {words}"
    if total.tokens.count:
        yield "tokens", f"{total.tokens.total:,}: {total.bytes / total.tokens.total:.2f} bytes each"
    if total.roles:
        yield "turns", f"{total.turns.total:,} ({_counted(total.roles)})"
    about = "" if found.exact else "about "
    yield "duplicates", f"{about}{share(found.duplicates, 1)} of the rows repeat an earlier one"
    yield "repetition", f"compresses {total.ratio:.1f} times; plain prose has about 3"
    sample = f"of {found.told:,} rows" if found.told < total.rows else "of rows"
    yield "languages", f"{_shares(found.languages)} ({sample})"
    yield "scripts", f"{_shares(found.scripts)}"


_HEADERS = ["source", "rows", "bad", "text", "median", "max", "compresses"]


def _row(source: SourceStats) -> list[str]:
    counts = [f"{source.rows:,}", f"{source.bad:,}", size(source.bytes)]
    median, most = source.lengths.percentile(0.5), source.lengths.most
    return [source.path, *counts, f"{median:,}", f"{most:,}", f"{source.ratio:.1f}"]


def _print_lengths(total: SourceStats) -> None:
    named = (("characters", total.lengths), ("tokens", total.tokens), ("turns", total.turns))
    rows = []
    for name, lengths in named:
        if lengths.count:
            points = [lengths.percentile(share) for share in (0.1, 0.5, 0.9, 0.99)]
            rows.append([name, *(f"{point:,}" for point in (lengths.least, *points, lengths.most))])
    click.echo()
    headers = ["length of a row", "min", "p10", "p50", "p90", "p99", "max"]
    for line in numbers(headers, rows, columns_of(sys.stdout)):
        click.echo(line)


def _print_histogram(lengths: Lengths) -> None:
    """A bar for each doubling, at most twelve of them: those at both ends are taken together."""
    from brahma.data.statistics import BINS

    doublings: dict[int, int] = {}
    for number, count in lengths.bins.items():
        doublings[number // BINS] = doublings.get(number // BINS, 0) + count
    first = max(min(doublings), max(doublings) - _BARS + 1)
    low = sum(count for number, count in doublings.items() if number <= first)
    bars = {number: doublings.get(number, 0) for number in range(first, max(doublings) + 1)} | {first: low}
    most = max(bars.values())
    mark = _mark()
    click.echo()
    for number, count in bars.items():
        start = 0 if number == first and first > min(doublings) else 2**number
        edge = f"{start:,} – {2 ** (number + 1) - 1:,}"
        bar = mark * max(round(count / most * _WIDTH), count > 0)
        click.echo(f"{edge:>24}  {paint(bar, fg=33)}{' ' * (_WIDTH - len(bar))}  {count:,}")


def _mark() -> str:
    try:
        "█–".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _shares(counts: Any) -> str:
    """The largest shares, those below a tenth of a percent left to the rest."""
    total = counts.total()
    shares = [(name, count / total) for name, count in counts.most_common(8) if count / total >= 0.001]
    rest = 1 - sum(share for _, share in shares)
    listed = ", ".join(f"{name} {share:.1%}" for name, share in shares)
    return f"{listed}, others {rest:.1%}" if rest >= 0.001 else listed
