"""Where personal data stands in a text, kind by kind.

A finder is `(text, stretches) -> Iterator[(start, end)]`: half-open places in the text, in order, that do not
overlap. It is given the stretches of digits, which are looked for once for all of them. Patterns begin with
a character or a class of characters and look at what stands before it only then: such a search is up to ten
times as fast as one that looks back at every character.
"""
