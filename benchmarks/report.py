"""Results as markdown: one section for each script in `benchmarks/RESULTS.md`, replaced by itself alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from brahma.core.environment import cores, cpu_model, memory_bytes, versions

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
_TITLE = "# Results\n\nWritten by the scripts of this folder; each replaces its own section.\n"
_SHOWN = ("torch", "transformers", "tokenizers", "numpy", "brahma-train")


def write_section(path: Path, name: str, body: str) -> None:
    """Put `body` between the marks of section `name`, made at the end where there are none yet."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    text = path.read_text() if path.exists() else _TITLE
    section = f"{begin}\n{body.strip()}\n{end}\n"
    before, found, rest = text.partition(begin)
    after = rest.partition(f"{end}\n")[2]
    text = f"{before}{section}{after}" if found else f"{text.rstrip()}\n\n{section}"
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def facts(command: str) -> str:
    """The machine, the versions, the day and the command. Call it before the machine is put to work."""
    memory = memory_bytes()
    known = versions()
    return "\n".join(
        [
            f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {cpu_model()}, {cores()} cores"
            + (f", {memory / 2**30:.0f} GiB" if memory else ""),
            f"- load average before the start: {os.getloadavg()[0]:.2f} (an idle machine has less than 0.5)",
            "- " + ", ".join(f"{name} {known[name]}" for name in _SHOWN if name in known),
            f"- command: `{command}`",
        ]
    )
