from dataclasses import replace
from pathlib import Path

import pytest

from brahma.core.errors import LedgerError
from brahma.data.ledger import FileLedger, Ledger, PackLedger, SkippedRow, TokenCounts

TRAIN = TokenCounts(
    documents=2, tokens=50, special=4, bytes=90, trained=30, masked=10, starts=2, truncated=5, dropped=3
)
HELD = TokenCounts(documents=1, tokens=8, special=2, bytes=20, trained=7, starts=1)
SKIPPED = (SkippedRow(3, "not JSON"), SkippedRow(5, "not JSON"), SkippedRow(9, "no text"))
FILE = FileLedger("a.jsonl", rows=6, accepted=3, skipped=SKIPPED, train=TRAIN, validation=HELD)
LEDGER = Ledger((FILE,), PackLedger(6, 48, 40, 8), PackLedger(1, 8, 7, 1))


def test_a_ledger_that_adds_up_passes() -> None:
    LEDGER.check()
    assert (LEDGER.rows, LEDGER.accepted, LEDGER.skipped) == (6, 3, 3)
    assert LEDGER.tokens.tokens == 58
    assert FILE.reasons == {"not JSON": 2, "no text": 1}


@pytest.mark.parametrize(
    ("broken", "where", "law"),
    [
        (replace(LEDGER, files=(replace(FILE, rows=7),)), "a.jsonl", "rows = accepted + skipped is 7 = 6"),
        (
            replace(LEDGER, files=(replace(FILE, rows=7, accepted=4),)),
            "a.jsonl",
            "training documents + validation documents is 4 = 3",
        ),
        (
            replace(LEDGER, files=(replace(FILE, train=replace(TRAIN, tokens=51)),)),
            "a.jsonl (train)",
            "tokens = trained + masked + starts + truncated + dropped is 51 = 50",
        ),
        (
            replace(LEDGER, files=(replace(FILE, validation=replace(HELD, trained=6)),)),
            "a.jsonl (validation)",
            "is 8 = 7",
        ),
        (replace(LEDGER, train=PackLedger(6, 48, 40, 9)), "train", "slots = inputs + padding is 48 = 49"),
        (
            replace(LEDGER, validation=PackLedger(1, 8, 6, 2)),
            "validation",
            "inputs = trained + masked is 6 = 7",
        ),
    ],
)
def test_a_broken_law_is_named_with_its_numbers(broken: Ledger, where: str, law: str) -> None:
    with pytest.raises(LedgerError) as caught:
        broken.check()
    assert caught.value.where == where
    assert law in str(caught.value)
    assert caught.value.hint


def test_a_saved_ledger_is_the_same(tmp_path: Path) -> None:
    LEDGER.save(tmp_path / "ledger.json")
    assert Ledger.load(tmp_path / "ledger.json") == LEDGER
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.json"]


def test_totals_are_written_for_readers() -> None:
    total = LEDGER.to_dict()["total"]
    assert total["train"]["tokens"] == 50
    assert total["both"]["trained"] == 37
