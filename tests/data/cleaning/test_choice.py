import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from brahma.data.cleaning.choice import choose_profile

PROSE = "The committee met on Thursday. It decided to repair the bridge before the winter comes.\n" * 5
CODE = Path(choose_profile.__code__.co_filename).read_text(encoding="utf-8")
C = "#include <stdio.h>\n\nint main(void)\n{\n\tint i = 0;\n\twhile (i < 3) {\n\t\tputs(a[i++]);\n\t}\n}\n"
DOCUMENTED = PROSE + "\nFor example:\n\n    x = read(path)\n    print(x)\n\n" + PROSE


def rows(path: Path, values: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("value", "profile"),
    [
        ({"text": PROSE}, "repair"),
        ({"text": DOCUMENTED}, "repair"),
        ({"text": CODE}, "repair-code"),
        ({"text": C}, "repair-code"),
        ({"text": "SELECT 1", "path": "queries/one.sql"}, "repair-code"),
        ({"text": PROSE, "path": "README.md"}, "repair"),
        (
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}]},
            "repair-chat",
        ),
        ({"prompt": CODE, "completion": CODE}, "repair-chat"),
        ({"instruction": "Say hi", "output": "hi"}, "repair-chat"),
        (
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hi"}]},
            "repair-chat",
        ),
    ],
)
def test_the_rows_tell_the_profile(tmp_path: Path, value: object, profile: str) -> None:
    name, why = choose_profile([rows(tmp_path / "data.jsonl", [value] * 3)])
    assert name == profile
    assert why.startswith("3 of 3 documents looked at are ")


def test_running_text_and_code_in_text_files_are_told_apart(tmp_path: Path) -> None:
    assert choose_profile([text(tmp_path / "a.txt", PROSE)])[0] == "repair"
    assert choose_profile([text(tmp_path / "b.txt", CODE)])[0] == "repair-code"
    packed = tmp_path / "c.txt.gz"
    packed.write_bytes(gzip.compress(C.encode()))
    assert choose_profile([packed])[0] == "repair-code"


def test_of_several_kinds_the_most_frequent_counts_and_the_reason_says_how_many(tmp_path: Path) -> None:
    chat = rows(tmp_path / "a.jsonl", [{"instruction": "Say hi", "output": "hi"}] * 3)
    prose = rows(tmp_path / "b.jsonl", [{"text": PROSE}] * 2)
    assert choose_profile([prose, chat]) == (
        "repair-chat",
        "3 of 5 documents looked at are conversations, or prompts with completions",
    )


def test_bad_and_foreign_rows_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('[1]\n{"text": \n{"foo": 1}\n{"text": 3}\n' + json.dumps({"text": PROSE}) + "\n")
    assert choose_profile([path])[0] == "repair"


def test_of_nothing_nothing_can_be_told(tmp_path: Path) -> None:
    assert choose_profile([text(tmp_path / "a.txt", "")]) == (
        "repair",
        "nothing could be told from the data: no row could be read",
    )
    assert choose_profile([])[0] == "repair"


def test_only_the_beginning_of_each_file_and_a_few_files_are_read(tmp_path: Path) -> None:
    files = [rows(tmp_path / f"{n}.jsonl", [{"text": PROSE}] * 100) for n in range(40)]
    assert choose_profile(files)[1] == "448 of 448 documents looked at are running text"
    long = rows(tmp_path / "long.jsonl", [{"text": PROSE * 300}] * 100)
    assert choose_profile([long])[1] == "1 of 1 documents looked at are running text"
