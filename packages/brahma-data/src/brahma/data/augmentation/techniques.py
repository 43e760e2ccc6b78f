"""The techniques that were asked for, found by name among the plugins, with their options checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brahma.core.errors import BrahmaError, ConfigError, PluginError
from brahma.core.plugins import check_stop, get_plugins
from brahma.data.augmentation.contract import Augmenter, Failed, Outcome

if TYPE_CHECKING:
    from brahma.core.config.sections import Section

WHERE = "--techniques"


@dataclass(frozen=True)
class Technique:
    """A technique and its options, checked; nothing is loaded yet."""

    name: str
    options: Section | None

    def build(self, seed: int) -> Augmenter:
        """Its augmenter.

        Raises:
            MissingDependencyError: what its engine needs is not installed.
            PluginError: its target fails, or gives something that is no augmenter.
            BrahmaError: the engine cannot be used.
        """
        target = get_plugins().load("augmenter", self.name, WHERE)
        try:
            augmenter: Augmenter = target(self.options, seed)
        except BrahmaError:
            raise
        except BaseException as error:  # a plugin's code: whatever it raises is its own fault
            check_stop(error)
            raise _broken(self.name, f"{type(error).__name__}: {error}") from error
        if not isinstance(getattr(augmenter, "engine", None), str):
            kind = type(augmenter).__name__
            raise _broken(self.name, f"{kind} has no text `engine`, which says what made the variants")
        return augmenter

    def settings(self) -> dict[str, Any]:
        """What its variants depend on, for the key of a job."""
        return {"name": self.name, "options": self.options.model_dump(mode="json") if self.options else {}}


def choose(
    names: Sequence[str],
    engines: str | Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Technique, ...]:
    """The techniques of these names.

    Args:
        engines: one engine for all of them, or one by the name of a technique.
        options: further options by the name of a technique.

    Raises:
        PluginError: no technique has this name; the nearest one is given.
        ConfigError: none or one twice; engine or options for one that is not asked for; a wrong option.
    """
    from brahma.core.config.sections import Choice

    if not names or len(set(names)) < len(names):
        known = ", ".join(get_plugins().entries("augmenter"))
        raise ConfigError(
            "no technique is named" if not names else "a technique is named twice",
            where=WHERE,
            hint=f"there are: {known or 'none; install brahma-augment'}",
        )
    given = {name: dict((options or {}).get(name, {})) for name in names}
    of_each = dict.fromkeys(names, engines) if isinstance(engines, str) else dict(engines or {})
    for name in {*of_each, *(options or {})} - set(names):
        raise ConfigError(
            f"{name!r} is given an engine or options but is no technique of this job",
            where=WHERE,
            hint=f"asked for: {', '.join(names)}",
        )
    for name, engine in of_each.items():
        given[name]["engine"] = engine
    chosen = []
    for name in names:
        entry = get_plugins().find("augmenter", name, WHERE)
        choice = Choice.model_validate({"name": name, **given[name]})
        chosen.append(Technique(name, get_plugins().options(entry, choice, f"options of {name}")))
    return tuple(chosen)


def outcomes_of(name: str, augmenter: Augmenter, passages: Sequence[str], count: int) -> list[Outcome]:
    """What the augmenter makes of passages, one outcome each; a stranger's mistake is named as his.

    Raises:
        PluginError: it fails by an error that is none of ours, or gives something else than was asked for.
        BrahmaError: whatever it raises itself.
    """
    if not passages:
        return []
    try:
        outcomes = list(augmenter.variants(passages, count))
    except BrahmaError:
        raise
    except BaseException as error:  # a plugin's code: whatever it raises is its own fault
        check_stop(error)
        raise _broken(name, f"{type(error).__name__}: {error}") from error
    if len(outcomes) != len(passages):
        raise _broken(name, f"{len(outcomes)} outcomes for {len(passages)} passages")
    for outcome in outcomes:
        if not isinstance(outcome, Failed) and not _is_list_of_texts(outcome):
            raise _broken(name, f"an outcome is {outcome!r:.80}; wanted: a list of texts, or Failed")
    return [each if isinstance(each, Failed) else list(each)[:count] for each in outcomes]


def _is_list_of_texts(outcome: object) -> bool:
    """A text is none, though it is a sequence of its characters."""
    return isinstance(outcome, list | tuple) and all(isinstance(each, str) for each in outcome)


def _broken(name: str, why: str) -> PluginError:
    return PluginError(
        f"the technique {name!r} failed",
        why=why,
        hint="Tell the author of the plugin; `brahma plugins list --kind augmenter` names it",
    )
