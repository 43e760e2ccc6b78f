"""Passwords in URLs: what is kept or told has none."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?P<user>://[^\s:/?#@]*):[^\s]*@")
_QUERY = re.compile(r"(?P<mark>[?&])(?:password|passwd|pwd)=[^&\s]*(?:&|(?=\s|$))", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """A text in which each URL of a login, `scheme://user:password@host/place`, is without its password.

    One in the URL's query, `?password=…`, is left out, too.
    """
    text = _QUERY.sub(lambda found: found["mark"], _LOGIN.sub(lambda found: f"{found['user']}@", text))
    return re.sub(r"(://\S*?)[?&](?=\s|$)", r"\1", text)
