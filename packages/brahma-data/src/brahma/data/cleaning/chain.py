"""Steps applied to documents, one after the other, and what they did counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from brahma.core.errors import BrahmaError, PluginError
from brahma.core.plugins import check_stop, get_plugins
from brahma.data.cleaning.contract import CorpusStep, Counted, Document, Dropped, Rewritten, TextStep, Verdict
from brahma.data.cleaning.counts import Counts, Sample, described, size_of
from brahma.data.cleaning.excerpts import Mask, beginning, first_change
from brahma.data.cleaning.profile import Profile

Scope = Literal["text", "document", "corpus"]
Verdicts = Verdict | tuple[Verdict, ...]

_EMPTY = "nothing is left"
_FIGURES = re.compile(r"\d[\d.,:]*%?")


@dataclass(frozen=True)
class Step:
    """A step of a profile, built.

    Attributes:
        target: a TextStep, or a CorpusStep in scope `corpus`.
    """

    name: str
    scope: Scope
    target: Any

    @property
    def corpus(self) -> CorpusStep:
        """The target of a step of scope `corpus`."""
        return cast(CorpusStep, self.target)


def build_steps(profile: Profile) -> tuple[Step, ...]:
    """Every step of a profile, with its options.

    Raises:
        BrahmaError: a step is not installed, or cannot be built.
    """
    return tuple(build_step(profile, number) for number in range(len(profile.steps)))


def build_step(profile: Profile, number: int) -> Step:
    """One of them. Raises: as `build_steps`."""
    entry = profile.entry(number)
    build = get_plugins().load("filter", entry.name)
    try:
        return Step(entry.name, entry.scope, build(profile.options(number)))
    except BrahmaError:
        raise
    except BaseException as error:  # a stranger's code
        check_stop(error)
        raise _failed(entry.name, None, error) from error


class Chain:
    """The steps of one pass, in their order.

    Args:
        steps: all of the profile; the text steps among them mask examples.
        counts: what they do is added here.
    """

    def __init__(self, steps: Sequence[Step], counts: Counts) -> None:
        self._steps = steps
        self._counts = counts

    def apply(self, step: Step, document: Document) -> Dropped | None:
        """Let a text or document step judge; the document's texts are replaced by what it made of them."""
        judge: TextStep = step.target
        try:
            if step.scope == "text":
                verdicts: Verdicts = tuple(map(judge, document.texts))
            else:
                verdicts = judge(document.joined)
        except BrahmaError:
            raise
        except BaseException as error:  # a stranger's code
            check_stop(error)
            raise _failed(step.name, document, error) from error
        return self.obey(step, document, verdicts)

    def obey(self, step: Step, document: Document, verdicts: Verdicts) -> Dropped | None:
        """Do what a step decided on.

        Returns:
            Why the document goes; None when it stays.

        Raises:
            PluginError: the verdict is none, or there are not as many as texts.
        """
        if verdicts is True or verdicts == (True,):
            return None
        texts, counts = list(document.texts), Counter[str]()
        for index, verdict in enumerate(_for_each(step, document, verdicts)):
            if isinstance(verdict, Rewritten):
                texts[index] = verdict.text
                counts.update(verdict.counts)
            elif isinstance(verdict, Counted):
                self._counts.step(step.name).counts.update(verdict.counts)
            elif verdict is not True:
                return self._drop(step, document, _as_dropped(step, verdict))
        return self._rewrite(step, document, tuple(texts), counts)

    def _rewrite(
        self, step: Step, document: Document, texts: tuple[str, ...], counts: Mapping[str, int]
    ) -> Dropped | None:
        if texts == document.texts:
            self._counts.step(step.name).counts.update(counts)
            return None
        if any(before and not after.strip() for before, after in zip(document.texts, texts, strict=True)):
            which = "" if len(texts) == 1 else "of one of the conversation's turns"
            return self._drop(step, document, Dropped(_EMPTY, which))
        counted = self._counts.step(step.name)
        counted.changed += 1
        counted.counts.update(counts)
        counted.bytes_cut += size_of(document.texts) - size_of(texts)
        if counted.wants(None, counts):
            before, after = next((b, a) for b, a in zip(document.texts, texts, strict=True) if a != b)
            excerpt = first_change(before, after, self._masks_after(step))
            counted.samples.append(Sample(None, document.where, described(counts), excerpt))
        document.texts = texts
        return None

    def _drop(self, step: Step, document: Document, dropped: Dropped) -> Dropped:
        counted = self._counts.step(step.name)
        counted.dropped[dropped.reason] += 1
        counted.bytes_dropped += size_of(document.texts)
        if counted.wants(dropped.reason, {}):
            excerpt = beginning(document.joined, [*self._own_mask(step), *self._masks_after(step)])
            counted.samples.append(Sample(dropped.reason, document.where, dropped.detail, excerpt))
        return dropped

    def _own_mask(self, step: Step) -> list[Mask]:
        return [step.target] if step.scope == "text" else []

    def _masks_after(self, step: Step) -> list[Mask]:
        """The text steps that come after this one: they hide what must not be shown."""
        later = self._steps[self._steps.index(step) + 1 :]
        return [each.target for each in later if each.scope == "text"]


def _for_each(step: Step, document: Document, verdicts: Verdicts) -> Sequence[Verdict]:
    """A verdict for each text; one of a whole conversation counts for its first, unless it rewrites."""
    if not isinstance(verdicts, tuple):
        if isinstance(verdicts, Rewritten) and len(document.texts) > 1:
            raise _nonsense(step, document, "it rewrote a conversation as a whole", "the scope `text`")
        return (verdicts,)
    if len(verdicts) != len(document.texts):
        raise _nonsense(
            step, document, f"{len(verdicts)} verdicts for {len(document.texts)} texts", "one for each"
        )
    return verdicts


def _as_dropped(step: Step, verdict: object) -> Dropped:
    if isinstance(verdict, Dropped):
        return verdict
    if verdict is False:
        return Dropped("not wanted")
    if isinstance(verdict, str):
        return Dropped(without_figures(verdict), verdict)
    raise _nonsense(
        step, None, f"it returned {type(verdict).__name__}", "True, a string, Dropped, Rewritten or Counted"
    )


def without_figures(text: str) -> str:
    """The same words for every document: `3 words` and `12 words` are one reason."""
    return _FIGURES.sub("…", text)


def _nonsense(step: Step, document: Document | None, why: str, wanted: str) -> PluginError:
    return PluginError(
        f"the step {step.name} gave no verdict that can be followed",
        where=document.where if document else None,
        why=f"{why}; wanted: {wanted}",
        hint="Tell its author (`brahma plugins list` names the package), or take it out of the profile",
    )


def _failed(name: str, document: Document | None, error: BaseException) -> PluginError:
    return PluginError(
        f"the step {name} failed",
        where=document.where if document else None,
        why=f"{type(error).__name__}: {error}",
        hint="Take it out of the profile, or tell its author: `brahma plugins list` names the package",
    )


Judge = Callable[[Document], Verdicts]
"""What a corpus step decided for the documents of one task."""
