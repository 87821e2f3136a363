"""Reads settings from files: `<VARIABLE>_FILE` names one, and a folder of secrets holds one for each variable.

Kubernetes, Docker and Vault agents hand secrets to a process as files; an environment variable is inherited by every
child, and shown by `ps e` and by crash reports.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from aether_adapters.service.unknown_variables import unknown_files, unknown_variables

FOLDER_FIELD: Final = "secrets_dir"
_MAX_BYTES: Final = 1024 * 1024


class WrongVariables(SettingsError):
    """Some variables cannot be read, are set twice or are no settings; `sentences` say which and what to do."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


class FileVariables(EnvSettingsSource):
    """Environment variables, and those whose value is in a file. Raises `WrongVariables`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = dict(super()._load_env_vars())
        wrong: list[str] = []
        for name in names(self.settings_cls):
            found = list(_sources(name, variables, _folder(self.settings_cls, variables)))
            if len(found) > 1:
                ways = " and ".join(way for way, _ in found)
                wrong.append(f"{name.upper()} is set twice, by {ways}: keep one of them.")
            for way, path in found:
                if path is not None:
                    try:
                        variables[name.lower()] = read(path)
                    except (OSError, ValueError) as error:
                        reason = error.strerror if isinstance(error, OSError) else str(error)
                        wrong.append(f"{way}: {path} cannot be read ({reason}).")
        folder = _folder(self.settings_cls, variables)
        if folder is not None and not os.path.isdir(folder):  # noqa: PTH112 # Path.is_dir raises if a parent is closed
            wrong.append(f"{_folder_variable(self.settings_cls).upper()}: {folder} is no folder.")
        wrong.extend(self._unknown(variables, folder))
        if wrong:
            raise WrongVariables(wrong)
        return variables

    def _unknown(self, variables: Mapping[str, str | None], folder: Path | None) -> Iterator[str]:
        """Yield a sentence for each variable and file that looks like a setting and is none."""
        prefix, known = self.env_prefix.lower(), [each.lower() for each in self.settings_cls.model_fields]
        markers = getattr(self.settings_cls, "needed_by", {}).keys() | {FOLDER_FIELD}
        yield from unknown_variables(prefix, known, variables, markers)
        if folder is not None:
            try:
                files = [each.name for each in folder.iterdir()]
            except OSError:  # it is no folder, or one whose files can be read but not listed
                return
            yield from unknown_files(prefix, known, files, str(folder))


def names(settings: type[BaseSettings]) -> Iterator[str]:
    """Yield the variable of each field, in lower case."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    for field in settings.model_fields:
        yield f"{prefix}{field}".lower()


def file_of(settings: type[BaseSettings], field: str) -> Path | None:
    """Return the file that the field is read from, or None if the environment holds its value."""
    variables: dict[str, str | None] = {name.lower(): value for name, value in os.environ.items()}
    name = f"{settings.model_config.get('env_prefix', '')}{field}".lower()
    paths = [path for _, path in _sources(name, variables, _folder(settings, variables))]
    return paths[0] if paths else None


def read(path: Path) -> str:
    """Return the text of a secret's file, without the line break at its end. Raises `OSError` and `ValueError`."""
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError("it is larger than 1 MB")
    try:
        text = data.decode("utf-8-sig")  # without the mark that some editors begin a file with
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")


def _sources(
    name: str, variables: Mapping[str, str | None], folder: Path | None
) -> Iterator[tuple[str, Path | None]]:
    """Yield each way in which a variable is set, with its file if it is one."""
    if name in variables:
        yield name.upper(), None
    named = variables.get(f"{name}_file")
    if named:
        yield f"{name.upper()}_FILE", Path(named)
    if folder is not None:
        for spelling in (name.upper(), name):
            if _is_there(folder / spelling):
                yield str(folder / spelling), folder / spelling
                break


def _is_there(path: Path) -> bool:
    """Return whether the folder has an entry of this name, be it a file, a folder or a link to nothing.

    Docker makes a folder in place of a file that is missing. One in a folder that this user may not enter is not there.
    """
    return os.path.lexists(path)


def _folder_variable(settings: type[BaseSettings]) -> str:
    return f"{settings.model_config.get('env_prefix', '')}{FOLDER_FIELD}".lower()


def _folder(settings: type[BaseSettings], variables: Mapping[str, Any]) -> Path | None:
    named = variables.get(_folder_variable(settings))
    return Path(named) if named else None
