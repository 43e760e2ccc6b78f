"""What a user may have meant by a key that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from brahma.core.config.aliases import FOREIGN_KEYS, aliases_in
from brahma.core.config.formats import KeyPath
from brahma.core.config.schema import keys_of, sections
from brahma.core.config.sections import Section

_ENOUGH = 0.6
"""Ratio of equal letters above which a key is offered; difflib's own default."""


def normal(key: str) -> str:
    """`learningRate`, `Learning-Rate` -> `learning_rate`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").replace(" ", "_").lower()


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name nearest to a misspelt word, or None when none is near."""
    best = max(names, key=lambda name: likeness(word, name), default=None)
    return best if best is not None and likeness(word, best) >= _ENOUGH else None


def likeness(word: str, name: str) -> float:
    """0 to 1: the share of equal letters; a whole word of a name (`accumulation`) counts as near."""
    word, name = normal(word), normal(name)
    ratio = SequenceMatcher(None, word, name, autojunk=False).ratio()
    if _one_edit(word, name):
        return max(ratio, 0.95)
    inside = len(word) >= 4 and (name.startswith(word) or f"_{word}" in name)
    return max(ratio, 0.75) if inside else ratio


def _one_edit(word: str, name: str) -> bool:
    """One letter added, lost, replaced, or two neighbours swapped."""
    start = next(
        (i for i, (a, b) in enumerate(zip(word, name, strict=False)) if a != b), min(len(word), len(name))
    )
    w, n = word[start:], name[start:]
    swapped = w[1:2] + w[:1] + w[2:] == n
    return w[1:] == n or w == n[1:] or (len(name) > 1 and w[1:] == n[1:]) or swapped


def hint_for(root: type[Section], path: KeyPath) -> str:
    """What to write instead of the unknown key at `path`: the nearest key here, or the section it belongs to."""
    *parents, word = map(str, path)
    here, key = tuple(parents), normal(word)
    if (foreign := FOREIGN_KEYS.get(key)) is not None:
        return foreign
    best = max(_candidates(root), key=lambda known: _score(key, here, known), default=None)
    if best is None or likeness(key, str(best[-1])) < _ENOUGH:
        names = sorted({str(known[-1]) for known in _candidates(root) if known[:-1] == here})
        return f"keys here: {', '.join(names)}" if names else "remove it"
    if best[:-1] == here:
        return f'did you mean "{best[-1]}"?'
    place = f'"{".".join(map(str, best[:-1]))}"' if best[:-1] else "the top level"
    if str(best[-1]) == word:
        return f"it belongs to {place}"
    return f'did you mean "{best[-1]}"? It belongs to {place}'


def _candidates(root: type[Section]) -> list[KeyPath]:
    found: list[KeyPath] = []
    for path, section in sections(root):
        found += [(*path, key) for key in (*keys_of(section), *aliases_in(path))]
    return found


def _score(key: str, here: KeyPath, known: KeyPath) -> tuple[float, bool]:
    """An equal name elsewhere beats a near one here; a near one here beats a near one elsewhere."""
    alike = likeness(key, str(known[-1]))
    near = known[:-1] == here
    return (alike + (0.2 if near and alike < 1 else 0.0) if alike >= _ENOUGH else 0.0), near
