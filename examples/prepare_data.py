"""Make data ready, from Python: clean it, split it, convert it, look at it.

python examples/prepare_data.py [FOLDER FOR THE OUTPUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

from brahma.data import clean, convert, split_files, stats

HERE = Path(__file__).parent


def prepare(folder: Path) -> None:
    """Clean conversations, draw some for validation, and write the others in another tool's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    report = clean(HERE / "data" / "chat.jsonl", folder / "clean.jsonl", overwrite=True)
    assert report is not None  # only a scheduler's executor returns before the work is done
    print(f"cleaned by the profile {report.profile}: {report.kept} of {report.rows} conversations stay")
    split = split_files(folder / "clean.jsonl", folder / "parts", validation=0.2, overwrite=True)
    for part in split.parts:
        print(f"{part.name}: {part.rows} rows in {part.path}")
    convert(split.parts[0].path, folder / "train_sharegpt.jsonl", format="sharegpt", overwrite=True)
    found = stats(folder / "train_sharegpt.jsonl")
    print(f"half of the rows have at most {found.total.lengths.percentile(0.5)} characters")


def main() -> None:
    prepare(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "output" / "data")


if __name__ == "__main__":
    main()
