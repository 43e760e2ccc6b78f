"""One batch of rows: asked of the engines, checked, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from brahma.core.errors import DataError
from brahma.data.augmentation.checks import check, language_of
from brahma.data.augmentation.contract import Augmenter, Failed, Outcome
from brahma.data.augmentation.origin import with_origin
from brahma.data.augmentation.report import TechniqueReport
from brahma.data.augmentation.selection import Chosen, Plan
from brahma.data.augmentation.techniques import outcomes_of


class Worker:
    """Makes the batches of a job.

    Args:
        augmenters: by the name of their technique, in order.
    """

    def __init__(self, plan: Plan, augmenters: Mapping[str, Augmenter]) -> None:
        self._plan = plan
        self._augmenters = augmenters
        self._failures: Counter[str] = Counter()

    @property
    def batch_size(self) -> int:
        """Rows of a batch: what the slowest of the engines likes."""
        return min(augmenter.batch_size for augmenter in self._augmenters.values())

    def batch(self, rows: Sequence[Chosen]) -> dict[str, Any]:
        """Variants of some rows, what was rejected, and the figures; JSON."""
        texts = [text for row in rows for text in row.passages.texts]
        taken: list[list[str]] = [[] for _ in texts]
        variants: list[list[dict[str, object]]] = [[] for _ in rows]
        rejected: list[dict[str, str]] = []
        reports = []
        for name, augmenter in self._augmenters.items():
            report = TechniqueReport(name, augmenter.engine)
            outcomes = self._outcomes(name, augmenter, texts)
            first = 0
            for number, row in enumerate(rows):
                last = first + len(row.passages.texts)
                made = self._judge(row, outcomes[first:last], taken[first:last], report, rejected)
                variants[number] += [self._variant(row, report, *each) for each in made]
                first = last
            reports.append(vars(report))
        return {
            "variants": [row for each in variants for row in each],
            "rejected": rejected,
            "reports": reports,
        }

    def _outcomes(self, name: str, augmenter: Augmenter, texts: Sequence[str]) -> list[Outcome]:
        """One outcome for each text; what is in a language that the engine cannot do is not given to it."""
        foreign = [
            found
            if augmenter.language and (found := language_of(text)) not in (None, augmenter.language)
            else None
            for text in texts
        ]
        given = [text for text, language in zip(texts, foreign, strict=True) if language is None]
        outcomes = iter(outcomes_of(name, augmenter, given, self._plan.variants))
        found_all: list[Outcome] = []
        for language in foreign:
            if language is not None:
                found_all.append(Failed(f"not in the engine's language ({augmenter.language})", language))
                continue
            outcome = next(outcomes)
            self._count_failure(name, augmenter, outcome)
            found_all.append(outcome)
        return found_all

    def _count_failure(self, name: str, augmenter: Augmenter, outcome: Outcome) -> None:
        if not isinstance(outcome, Failed):
            self._failures[name] = 0
            return
        self._failures[name] += 1
        if self._failures[name] >= self._plan.max_failures:
            raise DataError(
                f"the engine of {name} failed {self._failures[name]} times in a row",
                where=augmenter.engine,
                why=": ".join(filter(None, (outcome.reason, outcome.detail))),
                hint="See that the engine works, then repeat the command: it goes on where it stopped",
            )

    def _judge(
        self,
        row: Chosen,
        outcomes: Sequence[Outcome],
        taken: Sequence[list[str]],
        report: TechniqueReport,
        rejected: list[dict[str, str]],
    ) -> list[tuple[int, dict[int, str]]]:
        """For each variant of the row the passages that changed, by number; none without any."""
        changed: dict[int, dict[int, str]] = {}
        for number, (source, outcome) in enumerate(zip(row.passages.texts, outcomes, strict=True)):
            report.tries += self._plan.variants
            if isinstance(outcome, Failed):
                report.refuse(outcome.reason, source, times=self._plan.variants)
                rejected.append(_aside(row, report, source, "", outcome.reason, outcome.detail))
                continue
            if missing := self._plan.variants - len(outcome):
                report.refuse("the engine found nothing to change", source, times=missing)
            for index, variant in enumerate(outcome):
                verdict = check(source, variant, taken[number], limits=self._plan.limits)
                if verdict is None:
                    report.take(source, variant)
                    taken[number].append(variant)
                    changed.setdefault(index, {})[number] = variant
                else:
                    report.refuse(verdict.reason, source, variant)
                    rejected.append(_aside(row, report, source, variant, verdict.reason, verdict.detail))
        report.rows += len(changed)
        return sorted(changed.items())

    def _variant(
        self, row: Chosen, report: TechniqueReport, index: int, changed: Mapping[int, str]
    ) -> dict[str, object]:
        origin = {
            "technique": report.name,
            "engine": report.engine,
            "seed": self._plan.seed,
            "source": row.where,
            "variant": index + 1,
            "changed": f"{len(changed)} of {len(row.passages.texts)} passages",
        }
        return with_origin(row.passages.rebuilt(changed), origin)


def _aside(
    row: Chosen, report: TechniqueReport, source: str, variant: str, reason: str, detail: str
) -> dict[str, str]:
    return {
        "where": row.where,
        "technique": report.name,
        "engine": report.engine,
        "reason": reason,
        "detail": detail,
        "source": source,
        "variant": variant,
    }
