"""A folder of WordNet's files with a handful of words, in the format of the real ones."""

from __future__ import annotations

from pathlib import Path

LICENCE = "  1 This file is made for a test.\n"
FORMS = " ".join(["buy bought buying purchase purchased purchasing"] * 5)
NOUNS = {
    100: (["car", "auto"], f"a machine on wheels; {'car auto ' * 5}"),
    200: (["hound", "big_dog"], "an animal"),
    300: (["Mark", "Bergen"], "names"),
}
VERBS = {100: (["buy", "purchase"], f"to get; {FORMS}")}
ADJECTIVES = {100: (["huge", "immense", "enormous(p)"], f"very large; {'huge immense ' * 5}")}
ADVERBS = {100: (["often", "frequently"], f"many times; {'often frequently ' * 5}")}


def small_wordnet(folder: Path) -> Path:
    """Write the files into a folder and return it."""
    for kind, code, synsets in (
        ("noun", "n", NOUNS),
        ("verb", "v", VERBS),
        ("adj", "s", ADJECTIVES),
        ("adv", "r", ADVERBS),
    ):
        data, index = LICENCE, LICENCE
        for offset, (words, gloss) in synsets.items():
            fields = " ".join(f"{word} 0" for word in words)
            data += f"{offset:08} 00 {code} {len(words):02x} {fields} 000 | {gloss}\n"
            for word in words:
                index += f"{word.lower().removesuffix('(p)')} {code} 1 0 1 1 {offset:08}\n"
        (folder / f"data.{kind}").write_text(data)
        (folder / f"index.{kind}").write_text(index)
        (folder / f"{kind}.exc").write_text("bought buy\n" if kind == "verb" else "")
    (folder / "cntlist.rev").write_text("car%1:06:00:: 1 12\nhuge%5:00:00:large:00 1 5\n")
    return folder
