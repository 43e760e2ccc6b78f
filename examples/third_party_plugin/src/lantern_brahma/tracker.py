"""Writes `losses.txt` into the run's folder: a line for each row with a loss."""

from pathlib import Path
from typing import Any

from lantern_brahma.options import LossFileOptions


class LossFile:
    def __init__(self, run_directory: Path, config: Any, options: LossFileOptions) -> None:
        self.digits = options.digits
        self.file = (run_directory / "losses.txt").open("a", encoding="utf-8")

    def log(self, step: int, row: dict[str, Any]) -> None:
        loss = row.get("train/loss")
        if loss is not None:
            self.file.write(f"{step} {loss:.{self.digits}f}\n")
            self.file.flush()

    def close(self) -> None:
        self.file.close()
