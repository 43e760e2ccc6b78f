"""The files that a configuration names: that they are there, before anything is loaded or made."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from brahma.core.config.draft import is_address
from brahma.core.config.problems import ConfigKeyError, raise_all
from brahma.core.config.resolve import ResolvedConfig
from brahma.core.suggest import nearest


def check_files(resolved: ResolvedConfig) -> None:
    """Hold the data, the template, the adapters and the tasks' folder against this machine's files.

    Raises:
        ConfigError: with all that are not there, each with the line that names it.
    """
    name = resolved.source.name if resolved.source else "<arguments>"
    raise_all([_problem(resolved, key, path) for key, path in _named(resolved) if not _exists(path)], name)


def _named(resolved: ResolvedConfig) -> Iterator[tuple[str, str]]:
    data, lora = resolved.config.data, resolved.config.lora
    chosen: dict[str, object] = {
        "data_config.train": data.train,
        "data_config.validation": data.validation,
        "data_config.template": data.template,
        "evaluation.data_dir": resolved.config.evaluation.data_dir,
    }
    if lora is not None:
        chosen |= {"lora_config.adapter": lora.adapter, "lora_config.stack": lora.stack}
    for key, value in chosen.items():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str):
                yield key, path


def _exists(path: str) -> bool:
    return not is_address(path) and (Path(path).exists() or any(glob.iglob(path, recursive=True)))


def _problem(resolved: ResolvedConfig, key: str, path: str) -> ConfigKeyError:
    where = (
        resolved.origins[key].partition(", found")[0].rpartition(" at ")[2]
    )  # `alias train_file at my.json:3`
    if is_address(path):
        return ConfigKeyError(
            key,
            f"{path} is an address; nothing is fetched",
            where=where,
            hint="download it, and name the file",
        )
    if glob.has_magic(path):
        return ConfigKeyError(key, f"no file matches {path}", where=where, hint="`**` reaches into folders")
    return ConfigKeyError(
        key, f"there is no such file or folder: {path}", where=where, hint=_near(Path(path))
    )


def _near(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} is not there either; a path is relative to the file that names it"
    close = nearest(path.name, [each.name for each in folder.iterdir()])
    return f"did you mean {close}?" if close else f"it is looked for in {folder}; check the name"
