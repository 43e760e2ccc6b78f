"""What is asked for: a layout of rows by `--format`, a container of rows by the ending of the output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from brahma.core.errors import ConfigError
from brahma.data._compression import split_ending
from brahma.data.layouts import Layout

Container = Literal["jsonl", "json", "csv", "tsv", "parquet"]
Format = Layout | Container
FORMATS: tuple[str, ...] = (*get_args(Layout), *get_args(Container))

TABLES = (".csv", ".tsv")
_LISTS = ("chat", "sharegpt")
_SAME = {".ndjson": ".jsonl"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go.

    Attributes:
        output: the file; None for standard output.
        ending: of its container, such as `.jsonl`, with the compression's if there is one.
        layout: of its rows; None: that which they have.
    """

    output: Path | None
    ending: str
    layout: Layout | None

    @property
    def container(self) -> str:
        """The ending without a compression's."""
        return split_ending(f"rows{self.ending}")[0]


def target_of(output: str | Path | None, format: Format | None) -> Target:
    """What a format and an output mean together.

    Args:
        output: a file; None or `-` for standard output, which takes JSON Lines unless the format says more.
        format: a layout, or a container, which must be the output's.

    Raises:
        ConfigError: they contradict each other.
    """
    path = None if output is None or str(output) == "-" else Path(output)
    container = None if format is None or format in get_args(Layout) else f".{format}"
    layout = None if container else cast("Layout | None", format)
    if path is None:
        return _checked(Target(None, container or ".jsonl", layout))
    ending = "".join(split_ending(path.name))
    target = Target(path, ending, "text" if ending.startswith(".txt") and not layout else layout)
    if container and _SAME.get(target.container, target.container) != container:
        raise ConfigError(
            f"--format {format}, and an output that ends in {path.suffix or path.name!r}",
            where=str(path),
            hint=f"name it {path.with_suffix(container).name}; --format chat and so on say the rows' layout",
        )
    return _checked(target)


def _checked(target: Target) -> Target:
    where = str(target.output or "<stdout>")
    if target.container == ".txt" and target.layout != "text":
        raise ConfigError(
            f"a .txt file holds running text, no {target.layout} rows",
            where=where,
            hint="end the output in .jsonl; --format text --rule transcript writes conversations as text",
        )
    if target.container in TABLES and target.layout in _LISTS:
        raise ConfigError(
            f"a cell of a table holds no list, and a {target.layout} row is one",
            where=where,
            hint="end the output in .jsonl or .parquet, or choose --format completion",
        )
    return target
