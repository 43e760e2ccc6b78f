"""A corpus of real text for the data benchmarks: documentation that Debian packages, in many languages.

    python benchmarks/corpus.py OUTPUT_FOLDER

fetches the packages with `apt-get download`, unpacks them without installing anything, and writes one
`<package>.jsonl` for each with rows `{"text", "path"}`. HTML becomes text with resiliparse; manual pages,
POD and dictionaries keep their source, marks and all: raw text is what a cleaner is for.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

_MANUALS = ("de", "es", "fr", "it", "ja", "nl", "pl", "pt-br", "ro", "ru")
PACKAGES = (
    "debian-handbook", "debian-policy", "dict-gcide", "fortunes", "git-doc", "installation-guide-amd64",
    "jargon-text", "linux-doc-6.1", "manpages", "manpages-dev", "octave-doc", "perl-doc",
    "postgresql-doc-15", "python3.11-doc", "vim-doc", *(f"manpages-{language}" for language in _MANUALS),
)  # fmt: skip
_HTML = (".html", ".htm")
_TEXT = (".txt", ".md", ".rst", ".pod", *(f".{section}" for section in range(1, 10)))
_SHORTEST = 200
"""Characters of a document that is worth a row."""
_DICTIONARY_ENTRIES = 40
"""Entries of the dictionary, or epigrams of the fortunes, in one document."""


def build(output: Path, work: Path) -> None:
    """Write a `.jsonl` for each package into `output`."""
    output.mkdir(parents=True, exist_ok=True)
    (work / "debs").mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", *PACKAGES], cwd=work / "debs", check=True)
    for package in PACKAGES:
        (archive,) = (work / "debs").glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(work / package)], check=True)
        rows = size = 0
        with (output / f"{package}.jsonl").open("w", encoding="utf-8") as lines:
            for path, text in _documents(work / package):
                if len(text) >= _SHORTEST:
                    lines.write(json.dumps({"text": text, "path": path}, ensure_ascii=False) + "\n")
                    rows, size = rows + 1, size + len(text.encode())
        print(f"{package:28} {rows:7,} documents {size / 1e6:8.1f} MB")


def _documents(root: Path) -> Iterator[tuple[str, str]]:
    """`(path, text)` of each document, in the order of the paths."""
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.name.removesuffix(".gz")
        where = str(path.relative_to(root))
        if path.suffix == ".dz":
            yield from _pieces(where, gzip.decompress(path.read_bytes()).decode("utf-8", "replace"), "\n\n")
        elif "games/fortunes" in where and "." not in path.name:
            yield from _pieces(where, path.read_text("utf-8", "replace"), "\n%\n")
        elif name.endswith(_HTML + _TEXT):
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            text = data.decode("utf-8", "replace")
            yield where, _text_of_html(text) if name.endswith(_HTML) else text


def _pieces(where: str, text: str, separator: str) -> Iterator[tuple[str, str]]:
    entries = text.split(separator)
    for start in range(0, len(entries), _DICTIONARY_ENTRIES):
        yield f"{where}#{start}", separator.join(entries[start : start + _DICTIONARY_ENTRIES])


def _text_of_html(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(html, alt_texts=False))


def main() -> None:
    """Parse the command line and build."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("output", type=Path)
    output = arguments.parse_args().output
    with tempfile.TemporaryDirectory() as work:
        build(output, Path(work))


if __name__ == "__main__":
    main()
