"""The data tools beside their peers, on the same corpus, in CPU seconds.

    pip install -c constraints.txt -r benchmarks/requirements.txt
    python benchmarks/corpus.py /tmp/corpus
    python benchmarks/data.py --corpus /tmp/corpus --write       # about 25 minutes on two idle cores
    python benchmarks/data.py --corpus /tmp/corpus --only quality minhash

Rates are input megabytes (UTF-8) for each second that a core is busy, and medians over the repeats of
measurements made in turns; ratios are medians of the repeats' own. Two processes beside one, and memory, are
of the whole command: wall seconds, and the resident memory of all its processes together.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import parse, parser
from benchmarks.children import command_line, environment
from benchmarks.report import facts, table, write_section

SECTION = "data"
_PROFILE = "docs"
_POLL = 0.05
"""Seconds between two looks at the memory of a command."""

Row = tuple[str, str, str, str]
"""What, measured, target, and how."""


def sample(corpus: Path, megabytes: float, *, seed: int = 0) -> list[str]:
    """Documents drawn evenly from all files of the corpus, about that much of them."""
    files = sorted(corpus.glob("*.jsonl"))
    total = sum(file.stat().st_size for file in files)
    draw = random.Random(seed)
    share = min(1.0, megabytes * 1e6 / total)
    texts = [json.loads(line)["text"] for file in files for line in file.open() if draw.random() < share]
    if not texts:
        raise SystemExit(f"error: no documents in {corpus}: make them with benchmarks/corpus.py")
    return texts


def size_of(texts: Sequence[str]) -> float:
    """Megabytes of UTF-8."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process while it does the work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def quality(corpus: Path, repeats: int, quick: bool) -> Iterator[Row]:
    """The four groups of quality rules beside datatrove's filters."""
    from benchmarks.quality import measure

    texts = sample(corpus, 1 if quick else 8)
    found = [measure(texts) for _ in range(repeats)]
    rate = median(each["megabytes"] / each["ours"] for each in found)
    each_rate = median(each["megabytes"] / each["ours-each"] for each in found)
    how = f"{found[0]['megabytes']:.0f} MB; repetition, Gopher, C4 and FineWeb, each on what the last left"
    yield "quality: four groups of rules", f"{rate:.2f} MB/s", "", how
    yield "the same, on all documents each", f"{each_rate:.2f} MB/s", "", "the sum of four runs"
    for peer, target in (("stock", "≥ 10×"), ("regex", "≥ 2×")):
        name = {"stock": "datatrove's stock filters (spaCy)", "regex": "datatrove with a fast tokenizer"}[
            peer
        ]
        for suffix, what in (("", ""), ("-each", ", on all documents each")):
            ratio = median(each[f"datatrove-{peer}{suffix}"] / each[f"ours{suffix}"] for each in found)
            theirs = median(each["megabytes"] / each[f"datatrove-{peer}{suffix}"] for each in found)
            yield f"beside {name}{what}", f"{ratio:.1f}×", target, f"theirs {theirs:.3f} MB/s"


def minhash(corpus: Path, repeats: int, quick: bool) -> Iterator[Row]:
    """Signatures and bands from text: ours beside datasketch."""
    from brahma.data.cleaning.contract import Document
    from brahma.data.cleaning.duplicates.near import NearDuplicates, NearDuplicatesOptions

    texts = sample(corpus, 2 if quick else 25)
    step = NearDuplicates(NearDuplicatesOptions())
    documents = [Document(0, number, "corpus", 1, (text,)) for number, text in enumerate(texts)]
    found = []
    for _ in range(repeats):
        ours = cpu_seconds(lambda: [step.keys(document) for document in documents])
        found.append((ours, cpu_seconds(lambda: _datasketch(texts))))
    megabytes = size_of(texts)
    rate, theirs = (
        median(megabytes / one for one, _ in found),
        median(megabytes / other for _, other in found),
    )
    how = f"{megabytes:.0f} MB, words to 5-grams to 14 bands of 8"
    yield "near-duplicates: signatures and bands", f"{rate:.1f} MB/s", "", how
    ratio = median(other / one for one, other in found)
    yield "beside datasketch", f"{ratio:.1f}×", "≥ 4×", f"theirs {theirs:.2f} MB/s, its LSH index included"


def _datasketch(texts: Sequence[str]) -> None:
    from datasketch import MinHash, MinHashLSH

    from brahma.data.cleaning.steps.quality.tokens import token_strings

    index = MinHashLSH(num_perm=112, params=(14, 8))
    for number, text in enumerate(texts):
        words = token_strings(text.lower())
        runs = {" ".join(words[at : at + 5]).encode() for at in range(max(1, len(words) - 4))}
        signature = MinHash(num_perm=112)
        signature.update_batch(list(runs))
        index.insert(number, signature)


def exact(corpus: Path, repeats: int, quick: bool) -> Iterator[Row]:
    """Exact duplicates of documents: hashing, keys on disk, equal ones found; parsing not counted."""
    from brahma.data.cleaning.contract import Document
    from brahma.data.cleaning.duplicates.exact import ExactDocuments, ExactDocumentsOptions
    from brahma.data.cleaning.duplicates.keys import KeyWriter

    texts = sample(corpus, 10 if quick else 250)
    documents = [Document(0, number, "corpus", 1, (text,)) for number, text in enumerate(texts)]
    step = ExactDocuments(ExactDocumentsOptions())

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            with KeyWriter(Path(folder), task=0) as writer:
                for document in documents:
                    writer.add(document, step.keys(document))
            step.decide(Path(folder), tasks=1)

    megabytes = size_of(texts)
    rate = median(megabytes / cpu_seconds(work) for _ in range(repeats))
    yield (
        "exact duplicates: the hash stage",
        f"{rate:.0f} MB/s",
        "≥ 500 MB/s",
        f"{megabytes:.0f} MB in memory",
    )


def tokenisation(corpus: Path, repeats: int, quick: bool) -> Iterator[Row]:
    """Text to ids beside `encode_batch_fast` of tokenizers, one thread each; and text to shards."""
    from benchmarks.tokenisation import measure, pipeline

    from brahma.data.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(sample(corpus, 2 if quick else 100, seed=1), 4096 if quick else 32_000)
    texts = sample(corpus, 2 if quick else 20)
    found = [measure(texts, tokenizer, repeats=1) for _ in range(repeats)]
    if any(each["different"] for each in found):
        raise SystemExit("error: the two encoders give different ids")
    rate = median(each["tiktoken"] for each in found)
    theirs = median(each["tokenizers"] for each in found)
    how = f"{found[0]['bytes'] / 1e6:.0f} MB, byte-level BPE of {len(tokenizer):,} ids, all ids equal"
    yield "tokenisation", f"{rate:.1f} MB/s", "", how
    ratio = f"{median(each['speedup'] for each in found):.1f}×"
    yield "beside tokenizers' encode_batch_fast", ratio, "≥ 4×", f"theirs {theirs:.2f} MB/s"
    with tempfile.TemporaryDirectory() as folder:
        data, megabytes = _written(sample(corpus, 4 if quick else 100), Path(folder) / "in", files=4)
        files = sorted(data.iterdir())
        pairs = [
            (pipeline(files, tokenizer, workers=1), pipeline(files, tokenizer, workers=2))
            for _ in range(repeats)
        ]
    ratio = f"{median(one['seconds'] / two['seconds'] for one, two in pairs):.2f}×"
    how = f"{megabytes:.0f} MB, {median(one['rate'] for one, _ in pairs):.1f} MB/s of wall time with one"
    yield "files to shards: two processes beside one", ratio, "≥ 1.8×", how


def whole(corpus: Path, repeats: int, quick: bool) -> Iterator[Row]:
    """The whole profile `docs` as a command: CPU seconds, and two processes beside one."""
    with tempfile.TemporaryDirectory() as folder:
        data, megabytes = _written(sample(corpus, 4 if quick else 150), Path(folder) / "in", files=4)
        found = []
        for _ in range(repeats):
            one = _clean(data, Path(folder) / "out.jsonl", workers=1)
            found.append((one, _clean(data, Path(folder) / "out.jsonl", workers=2)))
    rate = median(megabytes / one.cpu for one, _ in found)
    ratio = median(one.wall / two.wall for one, two in found)
    how = f"{megabytes:.0f} MB in 4 files; language, personal data, quality, duplicates, near-duplicates"
    yield f"profile {_PROFILE}, the whole command", f"{rate:.2f} MB/s", "≥ 1.5 MB/s", how
    walls = (median(one.wall for one, _ in found), median(two.wall for _, two in found))
    yield "two processes beside one", f"{ratio:.2f}×", "≥ 1.8×", f"{walls[0]:.1f} s and {walls[1]:.1f} s"


def memory(corpus: Path, repeats: int, quick: bool) -> Iterator[Row]:
    """Resident memory of the whole command, all processes, for inputs of several sizes."""
    texts = sample(corpus, 5 if quick else 300)
    for megabytes in (5,) if quick else (60, 300, 600):
        with tempfile.TemporaryDirectory() as folder:
            times = max(1, round(megabytes / size_of(texts)))
            share = texts[: round(len(texts) * min(1.0, megabytes / size_of(texts)))]
            data, size = _written(share * times, Path(folder) / "in", files=1)
            run = _clean(data, Path(folder) / "out.jsonl", workers=2, profile="repair")
        name = f"memory of a cleaning of {size:.0f} MB (repair, 2 processes)"
        yield name, f"{run.peak_mib:.0f} MiB", "< 500 MB", f"all processes, each {_POLL} s; {run.wall:.0f} s"


def agreement(corpus: Path, repeats: int, quick: bool) -> Iterator[Row]:
    """Near-duplicates that are removed, beside datatrove's four stages, over the whole corpus."""
    from benchmarks.near_duplicates import agreement as compare

    for same_words, words in ((True, "our words in both"), (False, "its own words")):
        found = compare(corpus, megabytes=10 if quick else float("inf"), same_words=same_words)
        how = f"{found.documents:,} documents; {found.ours:,} removed here, {found.theirs:,} there"
        yield (
            f"near-duplicates removed, Jaccard with datatrove, {words}",
            f"{found.removed:.3f}",
            "≥ 0.8",
            how,
        )


class _Run:
    """A command, measured.

    Attributes:
        wall, cpu: seconds; of all its processes.
        peak_mib: resident memory of all its processes together, the most that was seen.
    """

    def __init__(self, command: list[str]) -> None:
        before, start = os.times(), time.monotonic()
        process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.peak_mib = 0.0
        while process.poll() is None:
            self.peak_mib = max(self.peak_mib, _resident(process.pid) / 2**20)
            time.sleep(_POLL)
        self.wall = time.monotonic() - start
        after = os.times()
        self.cpu = sum(after[2:4]) - sum(before[2:4])
        assert process.stderr is not None
        if process.returncode:
            raise SystemExit(process.stderr.read().decode()[-4000:])


def _resident(pid: int) -> float:
    """Bytes of the process and its descendants; shared pages are counted once for each."""
    try:
        parent = psutil.Process(pid)
        return float(sum(each.memory_info().rss for each in [parent, *parent.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0.0


def _clean(data: Path, output: Path, *, workers: int, profile: str = _PROFILE) -> _Run:
    shutil.rmtree(output.with_name(output.name + ".cleaning"), ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "brahma.tools.data_cleaner",
        "--input",
        str(data),
        "--output",
        str(output),
    ]
    return _Run([*command, "--profile", profile, "--workers", str(workers), "--overwrite"])


def _written(texts: Sequence[str], folder: Path, *, files: int) -> tuple[Path, float]:
    """The texts as JSON Lines in so many files of a folder; and their megabytes."""
    folder.mkdir(parents=True)
    for number in range(files):
        with (folder / f"part-{number}.jsonl").open("w") as lines:
            lines.writelines(
                json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts[number::files]
            )
    return folder, size_of(texts)


MEASUREMENTS: dict[str, Callable[[Path, int, bool], Iterator[Row]]] = {
    "quality": quality,
    "minhash": minhash,
    "exact": exact,
    "tokenisation": tokenisation,
    "whole": whole,
    "memory": memory,
    "agreement": agreement,
}


def section(rows: Sequence[Row], arguments: Namespace, machine: str) -> str:
    """The table and what it means."""
    about = (
        "Documentation that Debian packages, in eleven languages (`benchmarks/corpus.py`). Megabytes of input"
        f" for each second of CPU time, one core; medians of {arguments.repeats} repeats in turns."
    )
    return f"## Data tools\n\n{about}\n\n{machine}\n\n{table(['what', 'measured', 'target', 'how'], rows)}"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the section when asked to."""
    made = parser(__doc__ or "")
    made.add_argument("--corpus", type=Path, required=True, help="folder that benchmarks/corpus.py made")
    made.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    arguments = parse(made, argv)
    machine = facts(command_line())
    rows: list[Row] = []
    for name in arguments.only:
        for row in MEASUREMENTS[name](arguments.corpus, arguments.repeats, arguments.quick):
            rows.append(row)
            print(*row, sep=" | ", flush=True)
    body = section(rows, arguments, machine)
    if arguments.write:
        write_section(arguments.write, SECTION, body)


if __name__ == "__main__":
    main()
