"""Do our quality rules give datatrove's verdicts? Every document of a folder of `.jsonl`, by both.

    python benchmarks/quality_agreement.py FOLDER [--speed MEGABYTES] [--stock]

Each group of rules alone on every document, then all four one after the other. datatrove gets our words and
sentences, so what differs is the rules. Documents with another verdict, reason or text are listed. `--speed`
measures instead, on so much text drawn from the folder; `--stock` adds datatrove with spaCy.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.quality import GROUPS, measure, our_judge, their_judge


def documents(folder: Path) -> Iterator[tuple[str, str]]:
    """`(file:line, text)` of each row."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                yield f"{path.name}:{number}", json.loads(line)["text"]


def compare(folder: Path) -> None:
    """Print for each group, and for all in a row, how many verdicts, reasons and texts agree."""
    chains = [*([group] for group in GROUPS), list(GROUPS)]
    judges = [(our_judge(groups), their_judge(groups, peer="ours")) for groups in chains]
    totals = [Counter[str]() for _ in chains]
    for where, text in documents(folder):
        for groups, (our, their), total in zip(chains, judges, totals, strict=True):
            mine, theirs = our(text), their(text)
            total["documents"] += 1
            total["kept"] += mine.reason is None
            total["verdict"] += (mine.reason is None) == (theirs.reason is None)
            total["reason"] += mine.reason == theirs.reason
            total["text"] += mine == theirs
            if mine != theirs:
                print(f"  {where} {'+'.join(groups)}: {mine.reason} here, {theirs.reason} there")
    for groups, total in zip(chains, totals, strict=True):
        figures = ", ".join(f"same {what} {total[what]:,}" for what in ("verdict", "reason", "text"))
        print(f"{'+'.join(groups):48} {total['documents']:,} documents, {total['kept']:,} kept; {figures}")


def sample(folder: Path, megabytes: float) -> list[str]:
    """Documents drawn from all files, seeded, of about so much text."""
    texts = [text for _, text in documents(folder)]
    random.Random(3).shuffle(texts)
    taken, size = [], 0.0
    for text in texts:
        if size >= megabytes * 1e6:
            break
        taken.append(text)
        size += len(text.encode())
    return taken


def speed(folder: Path, megabytes: float, *, stock: bool) -> None:
    """Print CPU seconds and MB/s of each contender."""
    figures = measure(sample(folder, megabytes), stock=stock)
    size = figures.pop("megabytes")
    print(f"{size:.1f} MB")
    for name, seconds in figures.items():
        print(f"{name:24} {seconds:8.2f} CPU seconds {size / seconds:8.3f} MB/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speed", type=float, metavar="MEGABYTES")
    parser.add_argument("--stock", action="store_true")
    given = parser.parse_args()
    if given.speed is None:
        compare(given.folder)
    else:
        speed(given.folder, given.speed, stock=given.stock)
