"""The four groups of quality rules: ours and datatrove's on the same documents, verdicts and CPU seconds.

`measure` is what `benchmarks/data.py` calls; `our_judge` and `their_judge` are what
`benchmarks/quality_agreement.py` and the tests compare. datatrove's filters take a tokenizer of words; here
they get one of three: their own spaCy (stock), a plain regular expression (their fastest), or the words that
our rules rest on (for verdicts).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from datatrove.utils.word_tokenizers import WordTokenizer

GROUPS = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
Peer = Literal["stock", "regex", "ours"]

_REGEX_WORD = re.compile(r"\w+(?:[.,'’]\w+)*|\.+|-+|[^\w\s]")
_REGEX_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*")

REASONS = {
    "empty": "empty",
    "dup_para_frac": "duplicate paragraphs",
    "dup_para_char_frac": "characters in duplicate paragraphs",
    "dup_line_frac": "duplicate lines",
    "dup_line_char_frac": "characters in duplicate lines",
    **{f"top_{n}_gram": f"most frequent {n}-gram" for n in range(2, 5)},
    **{f"duplicated_{n}_n_grams": f"duplicate {n}-grams" for n in range(5, 11)},
    "gopher_short_doc": "too few words",
    "gopher_long_doc": "too many words",
    "gopher_below_avg_threshold": "words too short on average",
    "gopher_above_avg_threshold": "words too long on average",
    "gopher_too_many_hashes": "many hash signs",
    "gopher_too_many_ellipsis": "many ellipses",
    "gopher_too_many_bullets": "many bullet lines",
    "gopher_too_many_end_ellipsis": "lines that end in an ellipsis",
    "gopher_below_alpha_threshold": "words without a letter",
    "gopher_enough_stop_words": "few stop words",
    "lorem_ipsum": "lorem ipsum",
    "curly_bracket": "curly bracket",
    "too_few_sentences": "too few sentences",
    "line_punct_ratio": "lines without final punctuation",
    "short_line_ratio": "short lines",
    "char_dup_ratio": "characters in duplicate lines",
    "list_ratio": "many line breaks",
}
"""datatrove's reasons, in our words after the name of the group."""


@dataclass(frozen=True)
class Ruling:
    """What became of a document.

    Attributes:
        reason: why it goes, in our words, without the name of the group; None when it stays.
        text: what is left of it.
    """

    reason: str | None
    text: str


Judge = Callable[[str], Ruling]


class RegexTokenizer(WordTokenizer):  # type: ignore[misc]
    """datatrove's fastest: two regular expressions."""

    def word_tokenize(self, text: str) -> list[str]:
        return _REGEX_WORD.findall(text)

    def sent_tokenize(self, text: str) -> list[str]:
        return _REGEX_SENTENCE.findall(text)

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in _REGEX_SENTENCE.finditer(text)]


class OurTokenizer(WordTokenizer):  # type: ignore[misc]
    """The words and sentences that our rules see."""

    def word_tokenize(self, text: str) -> list[str]:
        from brahma.data.cleaning.steps.quality.tokens import token_strings

        return token_strings(text)

    def sent_tokenize(self, text: str) -> list[str]:
        return [text[start:end].strip() for start, end in self.span_tokenize(text)]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        from brahma.data.cleaning.steps.quality.sentences import sentence_spans

        return sentence_spans(text)


def our_judge(groups: Sequence[str] = GROUPS, **options: dict[str, Any]) -> Judge:
    """Ours, with these groups of rules."""
    from brahma.data.cleaning.contract import Dropped, Rewritten
    from brahma.data.cleaning.steps.quality.options import QualityOptions
    from brahma.data.cleaning.steps.quality.step import build

    step = build(QualityOptions.model_validate({"groups": list(groups), **options}))

    def judge(text: str) -> Ruling:
        verdict = step(text)
        if isinstance(verdict, Dropped):
            return Ruling(verdict.reason.partition(": ")[2], text)
        return Ruling(None, verdict.text if isinstance(verdict, Rewritten) else text)

    return judge


def their_judge(groups: Sequence[str] = GROUPS, *, peer: Peer, **options: dict[str, Any]) -> Judge:
    """datatrove's, with these groups of rules, one after the other.

    Args:
        options: group -> arguments of datatrove's filter.
    """
    from datatrove.data import Document
    from datatrove.pipeline import filters

    classes = {
        "gopher_repetition": filters.GopherRepetitionFilter,
        "gopher_quality": filters.GopherQualityFilter,
        "c4": filters.C4QualityFilter,
        "fineweb": filters.FineWebQualityFilter,
    }
    tokenizer = {"stock": "en", "regex": RegexTokenizer(), "ours": OurTokenizer()}[peer]
    chain = [classes[group](language=tokenizer, **options.get(group, {})) for group in groups]

    def judge(text: str) -> Ruling:
        document = Document(text=text, id="")
        for each in chain:
            verdict = each.filter(document)
            if verdict is not True:
                return Ruling(REASONS[verdict[1]], text)
        return Ruling(None, document.text)

    return judge


def measure(documents: Iterable[str], *, stock: bool = True) -> dict[str, float]:
    """CPU seconds of the four groups on the same documents, in one run.

    Args:
        stock: measure datatrove with spaCy too, which takes some 5 seconds for each MB.

    Returns:
        `megabytes` of UTF-8, and CPU seconds: `ours`, `datatrove-regex`, `datatrove-stock` are the groups one
        after the other, each on what the one before left; names that end in `-each` are sums over the four
        groups, each on all documents, as nothing else would be dropped.
    """
    texts = list(documents)
    figures = {"megabytes": sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6}
    contenders: dict[str, Callable[[Sequence[str]], Judge]] = {
        "ours": our_judge,
        "datatrove-regex": lambda groups: their_judge(groups, peer="regex"),
    }
    if stock:
        contenders["datatrove-stock"] = lambda groups: their_judge(groups, peer="stock")
    for name, make in contenders.items():
        figures[name] = _seconds(make(GROUPS), texts)
        figures[f"{name}-each"] = sum(_seconds(make([group]), texts) for group in GROUPS)
    return figures


def _seconds(judge: Judge, texts: Sequence[str]) -> float:
    judge("Wärme auf.")  # tables and tokenizers are made
    start = time.process_time()
    for text in texts:
        judge(text)
    return time.process_time() - start
