"""`logs/<run>.log`: what happened in a run, with every detail that a terminal is spared."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from brahma.core.errors import RunError

_LIBRARIES = ("transformers", "torch", "huggingface_hub")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_DATE = "%Y-%m-%d %H:%M:%S%z"


class _LogFile(logging.FileHandler):
    """A line that the disk has no room for is lost: neither the run nor the terminal suffers from it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def open_run_log(path: Path) -> Iterator[None]:
    """Send the `brahma` loggers, warnings, and what the model libraries log into the file `path`.

    Each record is on disk as soon as it is made, so `tail -f` follows it; a resumed run goes on in the same
    file. Call after torch and transformers are imported: they add their terminal handlers then. At the
    end everything is as before.

    Raises:
        RunError: the file cannot be opened.
    """
    with ExitStack() as undo:
        handler = _handler(path)
        undo.callback(handler.close)
        _attach(logging.getLogger("brahma"), handler, undo)
        for name in _library_loggers():
            _divert(logging.getLogger(name), handler, undo)
        _capture_warnings(undo)
        yield


def _handler(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise RunError(
            "the log cannot be written",
            where=str(path),
            why=error.strerror,
            hint="give this user the right to write there, or choose another output_dir",
        ) from error
    handler.setFormatter(logging.Formatter(_FORMAT, _DATE))
    return handler


def _attach(logger: logging.Logger, handler: logging.Handler, undo: ExitStack) -> None:
    undo.callback(logger.setLevel, logger.level)
    undo.callback(logger.removeHandler, handler)
    logger.addHandler(handler)
    logger.setLevel(min(logger.level or logging.INFO, logging.INFO))


def _divert(logger: logging.Logger, handler: logging.Handler, undo: ExitStack) -> None:
    """Take a library's terminal handlers away for the length of the run."""
    for each in _terminal_handlers(logger):
        logger.removeHandler(each)
        undo.callback(logger.addHandler, each)
    if logger.name in _LIBRARIES or not logger.propagate:
        undo.callback(logger.removeHandler, handler)
        logger.addHandler(handler)


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


def _capture_warnings(undo: ExitStack) -> None:
    previous = warnings.showwarning
    log = logging.getLogger("brahma.warnings")

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: object = None, line: str | None = None,
    ) -> None:  # fmt: skip
        log.warning("%s:%d: %s: %s", filename, lineno, category.__name__, message)

    undo.callback(setattr, warnings, "showwarning", previous)
    warnings.showwarning = show
