"""Small hand-made data directories, in the shapes that people have."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

HELLASWAG = {
    "ind": 7,
    "activity_label": "Mending nets",
    "ctx_a": "A man sits on a quay.",
    "ctx_b": "he",
    "ctx": "A man sits on a quay. he",
    "endings": ["flies away.", "mends [title] a net.", "eats the quay.", "is a net."],
    "label": 1,
    "split": "val",
    "split_type": "indomain",
    "source_id": "activitynet~1",
}
GSM8K = {"question": "Ann has 2 nets and buys 3. How many?", "answer": "2 + 3 = <<2+3=5>>5\n#### 5"}
TRUTHFUL_HEADER = (
    "Type",
    "Category",
    "Question",
    "Best Answer",
    "Correct Answers",
    "Incorrect Answers",
    "Source",
)
TRUTHFUL = (
    "Adversarial", "Science", "Is the Moon cheese?", "No, rock", "No, rock; It is rock.; No, rock",
    "Yes; It is cheddar ;; No, rock", "https://moon",
)  # fmt: skip
WIKITEXT = (
    " \n = Robert Boulter = \n \n Robert Boulter is an actor . \n = = Career = = \n He acted . \n"
    " = Harbour = \n \n A harbour has ships . \n"
)


def write_rows(file: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """A `.jsonl`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def write_table(file: Path, rows: Iterable[Sequence[object]]) -> Path:
    """A `.csv`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows(rows)
    return file


def write_mmlu(folder: Path, subject: str = "anatomy", dev: int = 5) -> None:
    """As one CSV a subject, with a header and the answer's index."""
    header = ("question", "choice0", "choice1", "choice2", "choice3", "answer")
    write_table(
        folder / "test" / f"{subject}_test.csv",
        [
            header,
            ("How many bones, in all?", "1", "2", "206", "4", 2),
            ('A "dished" face', "a", "b", "c", "d", 0),
        ],
    )
    if dev:
        rows = [(f"Bone {i}?", "a", "b", "c", "d", i % 4) for i in range(dev)]
        write_table(folder / "dev" / f"{subject}_dev.csv", [header, *rows])


def write_all(root: Path) -> Path:
    """A folder for each of the well-known data sets."""
    write_rows(
        root / "hellaswag_val1000" / "hellaswag.jsonl", [HELLASWAG, {**HELLASWAG, "ind": 8, "label": "3"}]
    )
    write_mmlu(root / "mmlu")
    write_table(root / "truthfulqa" / "TruthfulQA.csv", [TRUTHFUL_HEADER, TRUTHFUL])
    write_rows(root / "gsm8k" / "test.jsonl", [GSM8K])
    write_rows(root / "gsm8k" / "train.jsonl", [{**GSM8K, "question": f"And {i}?"} for i in range(6)])
    (root / "wikitext2").mkdir()
    (root / "wikitext2" / "test.txt").write_text(WIKITEXT, encoding="utf-8")
    return root
