"""What is installed: entry points loaded one by one, hooks called one implementation at a time.

A plugin that fails, at import or in a hook, is named with its distribution and version and passed over as
a whole; it never stops the program. Two entries of one kind and name are refused when that name is used
or that kind is listed, not before.

Entry point group: https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, get_args, get_origin

import pluggy

from brahma.core import entries, hookspecs
from brahma.core.entries import CONTRACT_VERSION, Entry
from brahma.core.entry_checks import entry_mistake
from brahma.core.errors import EXIT_TERMINATED, BrahmaError, ConfigError, PluginError
from brahma.core.layout import printable
from brahma.core.suggest import suggestion

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from brahma.core.config.sections import Choice, Section

PLUGINS_VARIABLE = "BRAHMA_PLUGINS"
"""Environment variable: the plugins to load beside the platform's own packages, by distribution or entry
point, separated by commas. Empty: none. Absent: all that are installed."""

DISTRIBUTIONS = ("brahma-core", "brahma-data", "brahma-eval", "brahma-train", "brahma-cli")
"""The platform's own distributions; what they register is always loaded."""

FIRST_PARTY = {
    ("executor", "local"): "brahma-datatrove",
    ("executor", "ray"): "brahma-datatrove[ray]",
    ("executor", "slurm"): "brahma-datatrove",
    ("augmenter", "paraphrase"): "brahma-augment",
    ("augmenter", "backtranslation"): "brahma-augment",
    ("quantizer", "bitsandbytes"): "brahma-bitsandbytes",
    ("quantizer", "hqq"): "brahma-hqq",
    **{
        ("optimizer", name): "brahma-bitsandbytes"
        for name in ("adamw_8bit", "paged_adamw", "paged_adamw_8bit", "lion_8bit", "paged_lion_8bit")
    },
    ("tracker", "mlflow"): "brahma-mlflow",
    ("tracker", "wandb"): "brahma-wandb",
}
"""What our own plugins bring, by kind and name: who asks for it is told what to install."""

_ENTRY_TYPES: tuple[type[Entry], ...] = (
    entries.OptimizerEntry,
    entries.ScheduleEntry,
    entries.QuantizerEntry,
    entries.BackendEntry,
    entries.ReaderEntry,
    entries.FilterEntry,
    entries.AugmenterEntry,
    entries.TaskEntry,
    entries.MetricEntry,
    entries.TrackerEntry,
    entries.ExecutorEntry,
    entries.SamplerEntry,
    entries.ObjectiveEntry,
    entries.CommandEntry,
)
KINDS: dict[str, type[Entry]] = {entry_type.kind: entry_type for entry_type in _ENTRY_TYPES}


def hook_name(kind: str) -> str:
    """The hook that brings entries of a kind: `"reader"` -> `"brahma_readers"`."""
    return f"brahma_{kind}s"


@dataclass(frozen=True)
class Registration:
    """An entry and the distribution that brought it."""

    entry: Entry
    plugin: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """`"brahma-train 0.1.0"`."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def label(self) -> str:
        """What errors call it: `"optimizer 'adamw' of brahma-train 0.1.0"`."""
        return f"{self.entry.kind} {self.entry.name!r} of {self.origin}"

    def load(self, where: str | None = None) -> Any:
        """The target of the entry, imported now.

        Args:
            where: the place that names it, for the error.

        Raises:
            PluginError: it cannot be imported; its distribution is named.
        """
        try:
            with redirect_stdout(sys.stderr):
                return self.entry.load()
        except BrahmaError:
            raise
        except BaseException as error:  # a stranger's code, as in `_load_one`
            check_stop(error)
            raise PluginError(
                f"{self.label} cannot be loaded",
                where=where,
                why=f"{self.entry.target}: {_describe(error)}",
                hint=f"Reinstall {self.distribution} with its dependencies",
            ) from error


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that was passed over, and why."""

    name: str
    distribution: str
    version: str
    error: str

    def __str__(self) -> str:
        origin = f" ({self.distribution} {self.version})" if self.distribution else ""
        return f"{self.name}{origin}: {self.error}"


@dataclass(frozen=True)
class SlowPlugin:
    """A plugin that every command waits for.

    Attributes:
        seconds: to import it and to ask it what it brings.
    """

    name: str
    distribution: str
    version: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version}): takes {self.seconds:.1f} s to load"


SLOW = 0.5
"""Seconds of loading above which a plugin is named: it should import heavy libraries in its targets."""


class Plugins:
    """Every entry that the installed plugins bring. Use `get_plugins()`; this reads the machine anew.

    Attributes:
        registrations: all entries, in the order of their distributions' names.
        broken: the plugins that were passed over.
        slow: the ones that took long to load, the platform's own distributions aside.
    """

    def __init__(self) -> None:
        self.registrations: list[Registration] = []
        self.broken: list[BrokenPlugin] = []
        self.slow: list[SlowPlugin] = []
        self._versions: dict[str, str] = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._load(os.environ.get(PLUGINS_VARIABLE))

    def entries(self, kind: str) -> dict[str, Entry]:
        """All entries of a kind by name, sorted.

        Raises:
            PluginError: two plugins bring one name; both are named.
        """
        found: dict[str, Registration] = {}
        for registration in self.of_kind(kind):
            first = found.setdefault(registration.entry.name, registration)
            if first is not registration:
                raise _doubled(first, registration)
        return {name: found[name].entry for name in sorted(found)}

    def of_kind(self, kind: str) -> list[Registration]:
        """All registrations of a kind, doubled names included.

        Raises:
            ValueError: there is no such kind.
        """
        entry_type = KINDS.get(kind)
        if entry_type is None:
            raise ValueError(f"no kind of entry is called {kind!r}; there are: {', '.join(KINDS)}")
        return [each for each in self.registrations if type(each.entry) is entry_type]

    def registration(self, kind: str, name: str, where: str | None = None) -> Registration:
        """The entry of that kind and name, with the distribution that brought it.

        Raises:
            PluginError: as `find`.
        """
        offers = self.of_kind(kind)
        found = [each for each in offers if each.entry.name == name]
        if len(found) > 1:
            raise _doubled(found[0], found[1], where)
        if not found:
            if package := FIRST_PARTY.get((kind, name)):
                raise PluginError(
                    f"the {kind} {name!r} is not installed",
                    where=where,
                    why=self.passed_over(),
                    hint=f'pip install "{package}"',
                )
            raise PluginError(
                f"no {kind} is called {name!r}",
                where=where,
                why=self.passed_over(),
                hint=suggestion(
                    name,
                    {each.entry.name for each in offers},
                    nothing=f"No installed package brings any {kind}; see `brahma plugins list`",
                ),
            )
        return found[0]

    def find(self, kind: str, name: str, where: str | None = None) -> Entry:
        """The entry of that kind and name.

        Args:
            kind: `"optimizer"`, `"reader"`, … (the `kind` of an entry class).
            name: what the configuration or the command line says.
            where: the place that says so, for the error.

        Raises:
            PluginError: nobody brings it (the nearest name is given), or two plugins do.
        """
        return self.registration(kind, name, where).entry

    def load(self, kind: str, name: str, where: str | None = None) -> Any:
        """The target of the entry of that kind and name, imported now.

        Raises:
            PluginError: as `find`, or the target cannot be imported; its distribution is named.
        """
        return self.registration(kind, name, where).load(where)

    def options(self, entry: Entry, choice: Choice, where: str | None = None) -> Section | None:
        """The options given beside a name, checked by the entry's own model.

        Args:
            entry: the chosen entry.
            choice: `Choice(name=…, **options)` from the configuration.
            where: the key that holds the choice, for the errors.

        Returns:
            The entry's model, filled; None for an entry that takes no options.

        Raises:
            ConfigError: options that the entry does not take, or of another type; each key is named.
            PluginError: the entry's model cannot be loaded.
        """
        from brahma.core.config.sections import Section

        place = where or f"{entry.kind} {entry.name!r}"
        if entry.options is None:
            if choice.options:
                raise _takes_no_options(entry, choice.options, place)
            return None
        try:
            model = entries.resolve(entry.options)
        except (ImportError, AttributeError) as error:
            raise _bad_options_model(entry, _describe(error)) from error
        if not (isinstance(model, type) and issubclass(model, Section)):
            raise _bad_options_model(entry, "it is no brahma.core.config.Section")
        return _validated(model, choice.options, place)

    def distributions(self) -> dict[str, str]:
        """Distribution -> version of everything that was loaded, broken plugins included."""
        return dict(sorted(self._versions.items()))

    def passed_over(self) -> str | None:
        """Why something may be missing: the broken plugins in one line; None when all are well."""
        return f"passed over: {'; '.join(map(str, self.broken))}" if self.broken else None

    def _load(self, chosen: str | None) -> None:
        wanted = None if chosen is None else {part.strip() for part in chosen.split(",")} - {""}
        found = sorted(entry_points(group=hookspecs.ENTRY_POINT_GROUP), key=_sort_key)
        for point in found:
            names = {point.name, _distribution(point)}
            if wanted is None or names & wanted or _distribution(point) in DISTRIBUTIONS:
                self._load_one(point)
        missing = (wanted or set()) - {name for point in found for name in (point.name, _distribution(point))}
        for name in sorted(missing):
            self.broken.append(
                BrokenPlugin(printable(name), "", "", f"named in {PLUGINS_VARIABLE} but not installed")
            )

    def _load_one(self, point: EntryPoint) -> None:
        distribution, version = _distribution(point), point.dist.version if point.dist else ""
        if distribution:
            self._versions[distribution] = version
        began = time.perf_counter()
        try:
            with redirect_stdout(sys.stderr):  # what it prints is no data of the command
                brought = list(self._entries_of(point))
        except BaseException as error:  # a stranger's code: whatever it raises is its own fault
            check_stop(error)
            self.broken.append(BrokenPlugin(point.name, distribution, version, _describe(error)))
            return
        seconds = time.perf_counter() - began
        if seconds > SLOW and distribution not in DISTRIBUTIONS:
            self.slow.append(SlowPlugin(point.name, distribution, version, seconds))
        self.registrations += [Registration(each, point.name, distribution, version) for each in brought]

    def _entries_of(self, point: EntryPoint) -> Iterator[Entry]:
        module = point.load()
        contract = getattr(module, "BRAHMA_CONTRACT", CONTRACT_VERSION)
        if contract != CONTRACT_VERSION:
            raise PluginError(
                f"written for version {contract} of the plugin contract, this is version {CONTRACT_VERSION}"
            )
        self._register(module, f"{_distribution(point)}:{point.name}")
        for kind, entry_type in KINDS.items():
            hook = getattr(self._manager.hook, hook_name(kind))
            for implementation in hook.get_hookimpls():
                if implementation.plugin is module:
                    yield from _checked(implementation.function(), hook_name(kind), entry_type)

    def _register(self, module: object, name: str) -> None:
        self._manager.register(module, name)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            self._manager.unregister(module)
            raise


@cache
def get_plugins() -> Plugins:
    """What is installed, read once a process."""
    return Plugins()


def _sort_key(point: EntryPoint) -> tuple[str, str]:
    return _distribution(point), point.name


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def check_stop(error: BaseException) -> None:
    """Go on ending where the user asked for it, by Ctrl-C or SIGTERM, while a stranger's code ran."""
    stopped = isinstance(error, SystemExit) and error.code == EXIT_TERMINATED
    if stopped or isinstance(error, KeyboardInterrupt):
        raise error


def _describe(error: BaseException) -> str:
    if isinstance(error, PluginError | pluggy.PluginValidationError):
        return " ".join(str(error).split())
    return printable(" ".join(f"{type(error).__name__}: {error}".split()))


def _checked(brought: object, hook: str, entry_type: type[Entry]) -> Iterator[Entry]:
    """The entries that one implementation brought, each of the kind that its hook promises."""
    if not isinstance(brought, Iterable) or isinstance(brought, str | bytes | Mapping):
        raise PluginError(
            f"{hook} returned {type(brought).__name__}, not an iterable of {entry_type.__name__}"
        )
    names: set[str] = set()
    for entry in brought:
        if type(entry) is not entry_type:
            raise PluginError(f"{hook} brought {type(entry).__name__}, not {entry_type.__name__}")
        if mistake := entry_mistake(entry):
            raise PluginError(f"{hook} brought {entry.name!r}: {mistake}")
        if entry.name in names:
            raise PluginError(f"{hook} brought {entry.name!r} twice")
        names.add(entry.name)
        yield entry


def _doubled(first: Registration, second: Registration, where: str | None = None) -> PluginError:
    return PluginError(
        f"{first.entry.kind} {first.entry.name!r} is brought by two plugins",
        where=where,
        why=f"{first.origin} and {second.origin} both register it",
        hint=f"Uninstall one of them, or choose the plugins to load: {PLUGINS_VARIABLE}={first.plugin}",
    )


def _takes_no_options(entry: Entry, options: Mapping[str, object], place: str) -> ConfigError:
    return ConfigError(
        f"{entry.kind} {entry.name!r} takes no options",
        where=place,
        why=f"given: {', '.join(options)}",
        hint=f'Write "{entry.name}" alone',
    )


def _bad_options_model(entry: Entry, why: str) -> PluginError:
    return PluginError(
        f"the options of {entry.kind} {entry.name!r} cannot be checked",
        why=f"{entry.options}: {why}",
        hint="Tell the author of the plugin; `brahma plugins list` names it",
    )


def _validated(model: type[Section], options: Mapping[str, object], place: str) -> Section:
    from pydantic import ValidationError

    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        problems = [_problem(model, detail, place) for detail in error.errors()]
    if len(problems) == 1:
        raise problems[0]
    raise ConfigError(f"{len(problems)} options are wrong", where=place, problems=problems)


def _problem(model: type[Section], detail: ErrorDetails, place: str) -> ConfigError:
    from brahma.core.config.schema import annotation_at, expected, got, keys_of, section_in

    path = tuple(part for part in detail["loc"] if isinstance(part, str))
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        section = section_in(annotation_at(model, path[:-1])) or model
        hint = suggestion(path[-1], keys_of(section), nothing="remove it: there are no options")
        return ConfigError(f"{key}: unknown key", where=place, hint=hint)
    if detail["type"] == "value_error":  # said by a check of the options' own
        said = str(detail["ctx"]["error"])
        return ConfigError(f"{key}: {said}" if key else said, where=place, hint="correct the options")
    annotation = annotation_at(model, path)
    if detail["type"] == "missing":
        return ConfigError(f"{key}: is missing", where=place, hint=f"give {expected(annotation)}")
    if annotation is None:  # a check of the whole model, or a member of a union
        return ConfigError(f"{key or 'options'}: {detail['msg']}", where=place, hint="correct the options")
    if get_origin(annotation) is list and isinstance(detail["loc"][-1], int):
        (annotation,) = get_args(annotation)
    text = f"{key}: expected {expected(annotation)}, got {got(detail['input'])}"
    return ConfigError(text, where=place, hint=f"give {expected(annotation)}")
