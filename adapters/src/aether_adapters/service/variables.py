"""Settings that are read from environment variables, and from files that variables name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from aether_adapters.kernel.masking import masked, masked_url, passwords_in
from aether_adapters.service.secret_files import FileVariables, WrongVariables

_LEAST_CHARACTERS: Final = 16
_LEAST_DIFFERENT: Final = 5
_COMMAND: Final = "openssl rand -base64 32"
_PYDANTICS_PREFIX: Final = "Value error, "


class MaskedUrl(str):
    """A URL whose repr hides the password: in logs, tracebacks and printed settings."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(masked_url(str(self)))


SecretUrl = Annotated[str, AfterValidator(MaskedUrl)]


def _strong(value: str) -> str:
    if len(value) < _LEAST_CHARACTERS:
        raise ValueError(
            f"it has {len(value)} characters and needs {_LEAST_CHARACTERS} or more; `{_COMMAND}` writes one"
        )
    # A text that repeats its beginning occurs in its own double, other than at both ends.
    if len(set(value)) < _LEAST_DIFFERENT or value in (value + value)[1:-1]:
        raise ValueError(f"it repeats a few characters, which can be guessed; `{_COMMAND}` writes a good one")
    return value


def _strong_secret(value: SecretStr) -> SecretStr:
    _strong(value.get_secret_value())
    return value


StrongSecret = Annotated[SecretStr, AfterValidator(_strong_secret)]
"""A secret that keys are made from: 16 characters or more, and no repetition."""
StrongText = Annotated[str, AfterValidator(_strong)]
"""The same for an element of a list; the list's field has `repr=False`."""


class WrongSetting(ValueError):
    """A setting that this process needs is missing or wrong; the message is a sentence that names its variable."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a reference says of one variable.

    `default` is as it would be written, None if the variable must be set. `needed_by` are the roles that do not start
    while it is empty.
    """

    variable: str
    type: str
    default: str | None
    secret: bool
    needed_by: tuple[str, ...]
    description: str


class Variables(BaseSettings):
    """Reads each field from the variable `<PREFIX><FIELD>`, such as `BILLING_DATABASE_URL`; set `env_prefix` in a subclass.

    A value may also be the content of a file: the one that `<VARIABLE>_FILE` names, or the one with the variable's name
    in the folder `<PREFIX>SECRETS_DIR`. A variable that is set in two ways, or has the prefix and is no field, is refused
    with `SettingsError`. Its repr hides passwords. Raises pydantic's `ValidationError` with the fields that are wrong.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    secrets_dir: str = Field(
        default="",
        description="A folder of secrets: each of its files holds the value of the variable it is named after.",
    )
    foreign_variables: str = Field(
        default="",
        description="Variables with this service's prefix that other programs read, with spaces between; a name may end "
        "in *. Any other one that is no setting stops the start.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # replaced by one that reads files too
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then variables and the files they name."""
        return init_settings, FileVariables(settings_cls)

    def secrets(self) -> list[str]:
        """Return the values that no log may show: of `SecretStr`, of fields without a repr, and passwords in URLs."""
        found: list[str] = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            for each in value if isinstance(value, tuple | list) else (value,):
                if isinstance(each, SecretStr):
                    found.append(each.get_secret_value())
                elif isinstance(each, MaskedUrl):
                    found.extend(passwords_in(each))
                elif not field.repr:
                    found.append(str(each))
        return [each for each in found if each]

    @classmethod
    def described(cls) -> tuple[Described, ...]:
        """Return what a reference says of each variable, in the order of the fields."""
        return tuple(_described(cls, name, field) for name, field in cls.model_fields.items())

    @classmethod
    def documentation(cls) -> str:
        """Return a Markdown table of all variables: name, default, type, whether it is a secret, who needs it, purpose."""
        rows = [
            "| variable | default | type | secret | needed by | what it is for |",
            "|---|---|---|---|---|---|",
        ]
        for each in cls.described():
            default = (
                "must be set" if each.default is None else f"`{each.default}`" if each.default else "empty"
            )
            purpose = each.description.replace("|", "\\|")
            rows.append(
                f"| `{each.variable}` | {default} | {each.type} | {'yes' if each.secret else ''} "
                f"| {', '.join(each.needed_by)} | {purpose} |"
            )
        return "\n".join(rows)

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of the variable that the field is read from."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    @classmethod
    def refusals(cls, error: ValidationError | SettingsError) -> list[str]:
        """Return what is wrong with the environment, one sentence for each variable, without its value."""
        if isinstance(error, WrongVariables):
            return error.sentences
        if isinstance(
            error, SettingsError
        ):  # a list or an object that is no JSON; its message quotes the field
            wrong = [(name, "is no JSON.") for name in cls.model_fields if f'"{name}"' in str(error)]
        else:
            found = [(str(each["loc"][0]), each) for each in error.errors(include_url=False) if each["loc"]]
            wrong = [
                (name, "is not set." if each["type"] == "missing" else _wrong(each["msg"]))
                for name, each in found
            ]
        return [
            f"{cls.variable(name)} {what} It is for: {cls.model_fields[name].description}"
            for name, what in dict(wrong).items()
        ] or [str(error)]


def _described(settings: type[Variables], name: str, field: FieldInfo) -> Described:
    parts: Mapping[str, frozenset[str]] = getattr(settings, "needed_by", {})
    needed = (
        set(_ROLES)
        if field.is_required()
        else set().union(*(_PARTS.get(each, frozenset()) for each in parts.get(name, ())))
    )
    secret, default = _is_secret(field), None
    if not field.is_required():
        given = str(field.get_default(call_default_factory=True))
        default = masked_url(given) if secret else given
    return Described(
        settings.variable(name),
        _kind(field.annotation),
        default,
        secret,
        tuple(role for role in _ROLES if role in needed),
        field.description or "",
    )


def _is_secret(field: FieldInfo) -> bool:
    """Return whether the field's value is kept out of logs, whole or in part."""
    hidden = any(getattr(each, "func", None) is MaskedUrl for each in field.metadata)
    return hidden or not field.repr or "Secret" in str(field.annotation)


_ROLES: Final = ("migrate", "api", "rpc", "worker")
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "servers": frozenset({"api", "rpc"}),
    "use_cases": frozenset({"api", "rpc"}),  # of an api that is no gateway
    "worker": frozenset({"worker"}),
}
"""The roles that have each part of a process that `needed_by` names."""


def _wrong(reason: str) -> str:
    """Return what pydantic says of a value, or a validator of ours; a value that it repeats may hold a secret."""
    return f"is wrong: {masked(reason.removeprefix(_PYDANTICS_PREFIX)).removesuffix('.')}."


def _kind(annotation: Any) -> str:
    """Return how a value of the type is written in a variable."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_kind(each) for each in arguments if each is not type(None))
    if origin is Literal:
        return ", ".join(str(each) or "empty" for each in arguments)
    if origin in (tuple, list, dict):
        return "JSON"
    return _KINDS.get(annotation, "text")


_KINDS: Final[dict[Any, str]] = {bool: "true or false", int: "integer", float: "number"}
