"""What every entry does, of whatever kind."""

from __future__ import annotations

from importlib.metadata import entry_points

from brahma.core.config.sections import Section
from brahma.core.entries import Entry, resolve
from brahma.core.hookspecs import ENTRY_POINT_GROUP
from brahma.core.kit.checks import Check, CheckFailedError, CheckSkippedError, Subject, expect
from brahma.core.kit.child import import_cost, in_child

_SLOWEST = 0.5
"""CPU seconds: every command waits for the modules of all plugins."""


def says_what_it_is(subject: Subject) -> None:
    """A summary of one line."""
    summary = subject.entry.summary
    expect(bool(summary.strip()), "its summary is empty; lists and help show it")
    expect("\n" not in summary, f"its summary has {len(summary.splitlines())} lines, not one")


def imports_fast(subject: Subject) -> None:
    """The module with the hooks is imported by every command."""
    module = _module_of(subject)
    seconds, heavy = in_child(f"{import_cost.__module__}:{import_cost.__qualname__}", module)
    expect(not heavy, f"importing {module} imports {' and '.join(heavy)}; import where it is used")
    expect(seconds < _SLOWEST, f"importing {module} takes {seconds:.1f} s of work, not below {_SLOWEST} s")


def has_checked_options(subject: Subject) -> None:
    """The options are a Section whose defaults it takes itself."""
    assert subject.entry.options is not None
    model = resolve(subject.entry.options)
    expect(
        isinstance(model, type) and issubclass(model, Section),
        f"{subject.entry.options} is no brahma.core.config.Section",
    )
    if subject.options is None:
        raise CheckFailedError(f"{subject.entry.options} cannot be made without options")
    given = {name: getattr(subject.options, name) for name in type(subject.options).model_fields}
    try:
        model.model_validate(given)
    except ValueError as error:
        details = " ".join(" ".join(str(error).splitlines()[1:3]).split())
        raise CheckFailedError(f"the options do not take their own defaults: {details}") from error


def loads(subject: Subject) -> None:
    """The target can be imported."""
    expect(callable(subject.load()), f"{subject.entry.target} cannot be called")


def _module_of(subject: Subject) -> str:
    """The module with the hooks.

    Raises:
        CheckSkippedError: the registration comes from no installed distribution.
    """
    wanted = subject.registration
    for point in entry_points(group=ENTRY_POINT_GROUP, name=wanted.plugin):
        if point.dist is not None and point.dist.name == wanted.distribution:
            return point.module
    raise CheckSkippedError("it comes from no installed distribution")


def _has_options(entry: Entry) -> bool:
    return entry.options is not None


LOADS = Check("its target loads", loads)
"""Without this one, none of its kind can be run."""

COMMON = (
    Check("says what it is", says_what_it_is),
    Check("is imported fast, without torch", imports_fast),
    Check("its options take their own defaults", has_checked_options, applies=_has_options),
    LOADS,
)
