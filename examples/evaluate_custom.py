"""Measure a model on data of your own, and let it write.

    python examples/evaluate_custom.py MODEL

MODEL is a run's folder, a checkpoint, a folder in the Hugging Face layout, or a hub id.
"""

from __future__ import annotations

import sys
from pathlib import Path

from brahma.evaluation import Evaluator
from brahma.evaluation.generate import generate

HERE = Path(__file__).parent


def main(model: str) -> None:
    evaluator = Evaluator(model_path=model, seq_length=128)

    from_file = evaluator.evaluate_custom(HERE / "data" / "harbour_held_out.txt")
    print(f"file:  loss {from_file.loss:.3f}   bits per byte {from_file.bits_per_byte:.3f}")

    rows = [{"prompt": "tide: ", "completion": "The rise and fall of the sea, twice a day."}]
    from_rows = evaluator.evaluate_custom(rows)
    print(f"rows:  loss {from_rows['loss']:.3f}   {from_rows['tokens']} tokens scored")

    answers = evaluator.evaluate_custom(rows, metrics=["exact_match", "f1"], max_new_tokens=12)
    print(f"said:  exact match {answers['exact_match']:.2f}   F1 {answers['f1']:.2f}")

    choices = ["the keeper", "the miller"]
    exam = [{"question": "Who lights the lamp?", "choices": choices, "answer": "the keeper"}]
    print(f"chose: accuracy {evaluator.evaluate_custom(exam)['acc']:.2f}")

    text = generate(evaluator.model, evaluator.tokenizer, "The harbour", max_new_tokens=20, seed=1)
    print(f"wrote: {text!r}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
