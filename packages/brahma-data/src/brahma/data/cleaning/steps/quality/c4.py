"""Rules of C4 (https://arxiv.org/abs/1910.10683, section 2.2), as datatrove reads them: lines that are no
sentences are removed, then documents in which few sentences stay are dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from brahma.data.cleaning.contract import Dropped, Rewritten
from brahma.data.cleaning.steps.quality.options import C4Rules
from brahma.data.cleaning.steps.quality.sentences import sentence_spans
from brahma.data.cleaning.steps.quality.text import ScoredText, below

_NAME = "c4"
_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
_LINE_ENDS = (".", "?", "!", '"', "'")
_POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


def judge(scored: ScoredText, rules: C4Rules) -> Dropped | Rewritten | None:
    """Why the text goes, or what is left of it; None when nothing changes."""
    counts: Counter[str] = Counter()
    kept: list[str] = []
    for raw in scored.lines:
        line = raw.strip()
        cleaned, citations = line, 0
        if rules.remove_citations and "[" in line:
            cleaned, citations = _CITATION.subn("", line)
        found = _form(line, cleaned, rules) or _content(cleaned, rules)
        if isinstance(found, Dropped):
            return found
        if found:
            counts[found] += 1
            continue
        kept.append(cleaned)
        counts["citations removed"] += citations
        counts["lines stripped of blanks"] += len(line) != len(raw)
    return _sentences(kept, rules.min_sentences) or _rewritten(scored.text, kept, counts)


def _form(line: str, cleaned: str, rules: C4Rules) -> str | None:
    """What is counted when the line goes for its looks.

    Args:
        line: as it stands; its words are counted.
        cleaned: without citations; its end is looked at.
    """
    limit = rules.max_word_length
    if limit is not None and len(line) > limit and max(map(len, line.split())) > limit:
        return "lines with an overlong word removed"
    if rules.final_punctuation and (not cleaned.endswith(_LINE_ENDS) or cleaned.endswith("...")):
        return "lines without final punctuation removed" if line else "blank lines removed"
    fewest = rules.min_words_per_line
    if fewest is not None and len(line.split(None, fewest)) < fewest:
        return "lines of few words removed" if line else "blank lines removed"
    return None


def _content(line: str, rules: C4Rules) -> Dropped | str | None:
    """What is counted when the line goes for what it says, or why the whole document goes."""
    lowered = line.lower()
    if rules.lorem_ipsum and "lorem ipsum" in lowered:
        return Dropped(f"{_NAME}: lorem ipsum")
    if rules.javascript and "javascript" in lowered:
        return "lines about JavaScript removed"
    if rules.curly_brackets and "{" in line:
        return Dropped(f"{_NAME}: curly bracket")
    if rules.policies and any(policy in lowered for policy in _POLICIES):
        return "lines about policies or cookies removed"
    return None


def _sentences(lines: Sequence[str], fewest: int | None) -> Dropped | None:
    if fewest is None:
        return None
    found = 0
    for line in lines:
        found += len(sentence_spans(line))
        if found >= fewest:
            return None
    return below(f"{_NAME}: too few sentences", found, fewest)


def _rewritten(text: str, kept: Sequence[str], counts: Counter[str]) -> Dropped | Rewritten | None:
    rewritten = "\n".join(kept).strip()
    if rewritten == text:
        return None
    if not rewritten:
        return Dropped(f"{_NAME}: no line is left")
    return Rewritten(rewritten, +counts or {"line breaks mended": 1})
