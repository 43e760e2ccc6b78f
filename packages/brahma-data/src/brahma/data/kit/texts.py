"""Texts that the checks are made with: ordinary ones, and those that code trips over."""

from __future__ import annotations

ORDINARY = (
    "The ferry left the old harbour before dawn, and nobody on the quiet shore noticed that it was gone.",
    "People often buy a large car because they think that it is safe and that it will help them.",
    "The quick answer was almost certainly wrong, but the doctor could not begin the difficult task again.",
    "A good loaf usually needs little more than flour, water, salt and a baker who is willing to wait.",
)
"""Plain sentences, with words that have others of the same meaning."""
PROTECTED = (
    "She often sends a large report to Anna Weber at anna.weber@example.org before the meeting begins.",
    "The small house near the station was certainly not worth $245,000 on 14/03/2021, said the doctor.",
    "You usually run `make setup` in the folder /srv/data and quickly read https://example.org/guide again.",
)
"""Sentences with names, numbers, addresses and code in them."""
LONG = " ".join(ORDINARY * 30)
ODD = (
    "short words only",
    "naïve café owners — “quite” – don’t count… ½ ﬁ ﬂ ™",
    "smile 🙂 and wave 👋🏽 then fly 👩‍🚀 with flags 🇳🇴",
    "日本語の文章は、単語の間に空白がありません。それでも読めます。",
    "هذا نص عربي قصير للتجربة فقط",
    "zero\u200bwidth and e\u0301 combining, a \u202edirection\u202c and a \ufeffmark",
    "one line\nanother line\r\n\tand a tab\x0b\x0c\u2028here",
    LONG,
)
"""Each has words in it."""
EMPTY = ("", " ", "\n\n", "\x00", ".", "a", "🙂")
"""Texts with nothing, or next to nothing, in them."""
