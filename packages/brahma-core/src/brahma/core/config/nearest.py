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
    if len(word) > 3 * len(name):  # too far apart to be near, and a stranger's key may be a megabyte
        return 0.0
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
    """What to write instead of the unknown key at `path`."""
    *parents, word = map(str, path)
    here = tuple(parents)
    if (foreign := FOREIGN_KEYS.get(normal(word))) is not None:
        return foreign
    best = meant(root, path)
    if best is None:
        names = sorted({str(known[-1]) for known in _candidates(root) if known[:-1] == here})
        return f"keys here: {', '.join(names)}" if names else "remove it"
    if best[:-1] == here:
        return f'did you mean "{best[-1]}"?'
    homes = [known[:-1] for known in _candidates(root) if known[-1] == best[-1]]
    place = " or ".join(f'"{".".join(map(str, home))}"' if home else "the top level" for home in homes)
    if str(best[-1]) == word:
        return f"it belongs to {place}"
    return f'did you mean "{best[-1]}"? It belongs to {place}'


def meant(root: type[Section], path: KeyPath) -> KeyPath | None:
    """The key that the unknown key at `path` may mean: the nearest one there, or in another section."""
    key = normal(str(path[-1]))
    best = max(_candidates(root), key=lambda known: _score(key, path[:-1], known))
    return best if likeness(key, str(best[-1])) >= _ENOUGH else None


def _candidates(root: type[Section]) -> list[KeyPath]:
    found: list[KeyPath] = []
    for path, section in sections(root):
        found += [(*path, key) for key in (*keys_of(section), *aliases_in(path))]
    return found


def _score(key: str, here: KeyPath, known: KeyPath) -> tuple[bool, float]:
    """An equal name elsewhere beats a near one here; a near one here beats a near one elsewhere."""
    alike = likeness(key, str(known[-1]))
    bonus = 0.2 if known[:-1] == here else 0.0
    return alike == 1, alike + bonus if alike >= _ENOUGH else 0.0
