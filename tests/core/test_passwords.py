"""No password is kept or told."""

from __future__ import annotations

import pytest

from brahma.core.environment import describe_environment
from brahma.core.passwords import without_passwords


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql+psycopg://me:se:c/r@et@host/db", "postgresql+psycopg://me@host/db"),
        ("mysql://host/db?user=me&password=secret", "mysql://host/db?user=me"),
        ("mysql://host/db?password=secret&charset=utf8", "mysql://host/db?charset=utf8"),
        ("mysql://host/db?passwd=secret", "mysql://host/db"),
        ('--set search.storage="postgresql://me:secret@host/db" and more', None),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:////data/a:b@c/study.db", "sqlite:////data/a:b@c/study.db"),
        ("hello me:secret@host", "hello me:secret@host"),
    ],
)
def test_a_url_is_told_without_its_password(text: str, told: str | None) -> None:
    found = without_passwords(text)
    assert found == (told or '--set search.storage="postgresql://me@host/db" and more')


def test_a_runs_environment_has_no_password_of_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["brahma", "search", "--storage", "postgresql://me:secret@host/db"])
    assert describe_environment()["command"] == ["brahma", "search", "--storage", "postgresql://me@host/db"]
