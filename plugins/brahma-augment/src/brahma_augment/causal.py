"""A local causal model with a chat template, by the Generator of brahma-eval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brahma.core.errors import ModelError, TemplateError
from brahma.core.extras import needs
from brahma.data.augmentation.contract import Failed
from brahma_augment.options import EngineOptions
from brahma_augment.prompts import Question


class CausalModel:
    """The model in a folder.

    Args:
        folder: a Hugging Face folder, a run or a checkpoint.

    Raises:
        MissingDependencyError: brahma-eval is not installed.
        ModelError: there is no model in the folder.
    """

    def __init__(self, folder: Path, options: EngineOptions) -> None:
        with needs("brahma-augment[models]", "a local model"):
            from brahma.evaluation.generator import Generator
        self.name = f"hf {folder.name}"
        self.batch_size = 4 * options.batch_size
        self._options = options
        self._generator = Generator(str(folder))

    def answers(self, questions: Sequence[Question]) -> list[str | Failed]:
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> str | Failed:
        try:
            (text,) = self._generator.generate(
                [question.messages],
                temperature=self._options.temperature,
                max_new_tokens=self._options.max_new_tokens,
                seed=question.seed,
            )
        except TemplateError:
            raise
        except ModelError as error:  # longer than the model's context
            return Failed("the model cannot take it", error.message)
        return text

    def close(self) -> None:
        """Nothing stays open."""
