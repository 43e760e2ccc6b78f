"""Profiles: which steps a cleaning has, in which order, with which options; a file that can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from brahma.core.config.sections import Choice, NamedChoice, Section
from brahma.core.entries import FilterEntry
from brahma.core.errors import ConfigError
from brahma.core.plugins import get_plugins
from brahma.core.suffixes import CONFIG_SUFFIXES
from brahma.core.suggest import suggestion

if TYPE_CHECKING:
    from brahma.core.config.draft import Draft
_CONTAMINATION = "contamination"


class ProfileFile(Section):
    """A file with a profile."""

    summary: str = ""
    """One line: for which data it is."""
    steps: Annotated[list[NamedChoice], Field(min_length=1)]
    """The steps in their order: a name, or `{"name": …, option: …}`."""


@dataclass(frozen=True)
class Profile:
    """The steps of a cleaning, checked.

    Attributes:
        name: of a built-in profile, or the path of a file.
        summary: one line.
        steps: in their order, each with its options.
    """

    name: str
    summary: str
    steps: tuple[Choice, ...]

    def entry(self, number: int) -> FilterEntry:
        """What brings the step of that number."""
        return cast(FilterEntry, get_plugins().find("filter", self.steps[number].name))

    @property
    def corpus_steps(self) -> list[int]:
        """Numbers of the steps of scope `corpus`; a cleaning has one pass more than these."""
        return [number for number in range(len(self.steps)) if self.entry(number).scope == "corpus"]

    def options(self, number: int) -> Section | None:
        """The checked options of the step of that number."""
        return get_plugins().options(self.entry(number), self.steps[number])

    def to_dict(self) -> list[dict[str, Any]]:
        """The steps with the options that are given, ready for JSON."""
        return [{"name": step.name, **step.options} for step in self.steps]


def load_profile(given: str | Path) -> Profile:
    """A profile by its name, or from a YAML, JSON or TOML file.

    Raises:
        ConfigError: there is no such profile or file; or with all mistakes in it, each with its line.
        PluginError: nobody brings a step of that name.
    """
    path = Path(given)
    if path.suffix.lower() in CONFIG_SUFFIXES or (str(given) not in profile_files() and path.is_file()):
        return _checked(path, str(given))
    return _checked(_built_in(str(given)), str(given))


def profile_text(name: str) -> str:
    """The file of a built-in profile, to be copied.

    Raises:
        ConfigError: there is no such profile.
    """
    return _built_in(name).read_text("utf-8")


def _built_in(name: str) -> Path:
    known = profile_files()
    if name not in known:
        hint = suggestion(name, known, nothing="name a file: --profile FILE.yaml")
        raise ConfigError(f"no profile is called {name!r}", hint=hint)
    return known[name]


@cache
def profile_files() -> dict[str, Path]:
    """The built-in profiles: name -> file, sorted."""
    folder = Path(str(files("brahma.data") / "cleaning" / "profiles"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def with_evaluation(profile: Profile, evaluation: Sequence[str]) -> Profile:
    """The profile with the step `contamination` for these files: its own one, or one before the corpus steps.

    Args:
        evaluation: the files; with none the profile is returned as it is.
    """
    if not evaluation:
        return profile
    names = [step.name for step in profile.steps]
    given = profile.steps[names.index(_CONTAMINATION)].options if _CONTAMINATION in names else {}
    added = Choice.model_validate({**given, "name": _CONTAMINATION, "evaluation": list(evaluation)})
    place = names.index(_CONTAMINATION) if given else next(iter(profile.corpus_steps), len(names))
    others = profile.steps[place + bool(given) :]
    return Profile(profile.name, profile.summary, (*profile.steps[:place], added, *others))


def check_steps(profile: Profile, places: dict[int, str] | None = None) -> None:
    """Find each step and check its options.

    Args:
        places: number of a step -> `file:line`, for the errors.

    Raises:
        ConfigError: options that a step does not take; a step that stands twice.
        PluginError: nobody brings a step of that name.
    """
    seen: dict[str, int] = {}
    for number, step in enumerate(profile.steps):
        where = (places or {}).get(number, f"profile {profile.name}")
        entry = get_plugins().find("filter", step.name, where)
        get_plugins().options(entry, step, where)
        if step.name in seen:
            raise ConfigError(f"the step {step.name} stands twice", where=where, hint="Take one of them out")
        seen[step.name] = number


def _checked(path: Path, name: str) -> Profile:
    from brahma.core.config.documents import read_document
    from brahma.core.config.draft import Draft
    from brahma.core.config.validation import validate

    draft = Draft(read_document(path))
    content = validate(draft, ProfileFile, lambda _: ())
    profile = Profile(name, content.summary, tuple(content.steps))
    check_steps(profile, _places(draft, len(content.steps)))
    return profile


def _places(draft: Draft, steps: int) -> dict[int, str]:
    return {number: draft.place(("steps", number)).where for number in range(steps)}
