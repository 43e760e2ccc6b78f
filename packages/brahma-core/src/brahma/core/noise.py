"""What libraries say unasked: it goes into the log of a run, and never to the terminal of a command.

A warning of transformers or torch tells somebody who typed a command nothing that can be acted on, and a wall
of them hides the one that matters. What Brahma, a plugin or the user's own code warns of is heard.
`BRAHMA_DEBUG=1` leaves everything as the libraries have it.
"""

from __future__ import annotations

import logging
import os
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import pairwise
from pathlib import PurePath

DEBUG_VARIABLE = "BRAHMA_DEBUG"

_LIBRARIES = ("transformers", "torch", "huggingface_hub")  # they write to the terminal by themselves
_SITES = ("site-packages", "dist-packages")
QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_VERBOSITY": "error",
    "TORCH_CPP_LOG_LEVEL": "ERROR",  # what its C++ writes cannot be caught, only refused
}
"""What is asked of libraries in their own environment variables."""

_ears: list[_Ear] = []


def is_debugging() -> bool:
    """Whether the user asked to see everything."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def ask_for_quiet() -> None:
    """Tell libraries that are not imported yet to keep to errors. What the user has set is left as it is."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


@contextmanager
def catching(heard: Callable[[str], None], log: logging.Handler | None = None) -> Iterator[None]:
    """Catch what is logged and warned of in this block; afterwards everything is as before.

    Of nested blocks the innermost catches. Call it after torch and transformers are imported, if they are:
    they add their terminal handlers then.

    Args:
        heard: gets each warning that is not a library's, once.
        log: gets everything, from INFO on of Brahma and from WARNING on of others. None: there is no log.
    """
    ear = _Ear(heard, log)
    with ExitStack() as undo:
        _ears.append(ear)
        undo.callback(_ears.remove, ear)
        _attach(logging.getLogger(), ear, undo)
        for name in _library_loggers():
            _divert(logging.getLogger(name), ear, undo)
        if log is not None:
            _set_level(logging.getLogger("brahma"), logging.INFO, undo)
        undo.callback(setattr, warnings, "showwarning", warnings.showwarning)
        warnings.showwarning = _show_warning
        yield


class _Ear(logging.Handler):
    """Writes what it is told into the log, and passes on what the user should hear."""

    def __init__(self, heard: Callable[[str], None], log: logging.Handler | None) -> None:
        super().__init__()
        self._heard = heard
        self._log = log
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if _ears[-1] is not self:
            return
        if self._log is not None:
            self._log.handle(record)
        top = record.name.partition(".")[0]
        if top == "brahma":
            is_heard = record.levelno == logging.WARNING  # our errors end the program, which shows them
        else:
            is_heard = record.levelno >= logging.WARNING and top not in _LIBRARIES
            is_heard = is_heard and not is_library(record.pathname)
        text = record.getMessage()
        if is_heard and text not in self._said:
            self._said.add(text)
            with suppress(OSError, ValueError):  # a terminal that went away stops nothing
                self._heard(text)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: object = None, line: str | None = None,
) -> None:  # fmt: skip
    """As `warnings.showwarning`: into the log as a record of the code that warned."""
    text = f"{filename}:{lineno}: {category.__name__}: {message}"
    record = logging.LogRecord("warnings", logging.WARNING, filename, lineno, text, None, None)
    _ears[-1].emit(record)


def is_library(path: str) -> bool:
    """Whether code in this file is a library's or Python's own: neither the user's nor a plugin's."""
    if path.startswith("<frozen "):
        return True
    package = _package_in_site(path)
    if package is None:
        installed = sysconfig.get_paths()
        folders = {installed[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
        inside = [folder for folder in folders if PurePath(path).is_relative_to(folder)]
        if not inside:
            return False
        package = PurePath(path).relative_to(max(inside, key=len)).parts[0]
    return package.removesuffix(".py") not in _plugin_packages()


def _package_in_site(path: str) -> str | None:
    """The package below a folder of installed ones: sysconfig knows neither a user's nor a system's."""
    parts = PurePath(path).parts
    below = [after for folder, after in pairwise(parts) if folder in _SITES]
    return below[-1] if below else None


@cache
def _plugin_packages() -> frozenset[str]:
    from brahma.core.plugins import DISTRIBUTIONS, get_plugins

    return frozenset(
        each.entry.target.partition(":")[0].partition(".")[0]
        for each in get_plugins().registrations
        if each.distribution not in DISTRIBUTIONS
    )


def _attach(logger: logging.Logger, ear: logging.Handler, undo: ExitStack) -> None:
    undo.callback(logger.removeHandler, ear)
    logger.addHandler(ear)


def _set_level(logger: logging.Logger, most: int, undo: ExitStack) -> None:
    undo.callback(logger.setLevel, logger.level)
    logger.setLevel(min(logger.level or most, most))


def _divert(logger: logging.Logger, ear: logging.Handler, undo: ExitStack) -> None:
    """Take a library's terminal handlers away, and let it say again what it was asked to keep to itself."""
    for each in _terminal_handlers(logger):
        logger.removeHandler(each)
        undo.callback(logger.addHandler, each)
    if not logger.propagate:
        _attach(logger, ear, undo)
    if logger.name in _LIBRARIES:
        _set_level(logger, logging.WARNING, undo)


def _library_loggers() -> list[str]:
    """The top loggers, and those below that write to the terminal by themselves."""
    prefixes = tuple(f"{top}." for top in _LIBRARIES)
    below = [
        name
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and name.startswith(prefixes) and _terminal_handlers(logger)
    ]
    return [*_LIBRARIES, *below]


def _terminal_handlers(logger: logging.Logger) -> list[logging.Handler]:
    return [handler for handler in logger.handlers if type(handler) is logging.StreamHandler]
