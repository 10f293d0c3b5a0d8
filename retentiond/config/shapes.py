"""What a value of the TOML file may be, checked by `words.py`, and what every table has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from retentiond.config import words

# What an editor can check; `words.py` decides.
ALIAS = "^[a-z0-9][a-z0-9-]{0,31}$"
_PERIOD = "^[0-9]{1,4} (day|week|month|year)s?$"


def accepted(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The check in pydantic's language; `faults.py` takes the two sentences out again."""

    def checked(value: Any) -> Any:
        try:
            return check(value)
        except words.NotAccepted as fault:
            raise PydanticCustomError(
                "not_accepted", "{what}", {"what": fault.what, "way_on": fault.way_on}
            ) from None

    return checked


Text: TypeAlias = Annotated[str, AfterValidator(accepted(words.plain))]
Alias: TypeAlias = Annotated[
    str,
    AfterValidator(accepted(words.alias)),
    Field(json_schema_extra={"pattern": ALIAS}),
]
Address: TypeAlias = Annotated[
    str, AfterValidator(accepted(words.address)), Field(json_schema_extra={"pattern": "^[^@\\s]+@[^@\\s]+$"})
]
MailboxName: TypeAlias = Annotated[str, AfterValidator(accepted(words.mailbox))]
Folder: TypeAlias = Annotated[str, AfterValidator(accepted(words.folder))]
Keyword: TypeAlias = Annotated[str, AfterValidator(accepted(words.keyword))]
Absolute: TypeAlias = Annotated[
    str, AfterValidator(accepted(words.absolute)), Field(json_schema_extra={"pattern": "^/"})
]
PeriodText: TypeAlias = Annotated[
    str,
    BeforeValidator(accepted(words.period)),
    Field(json_schema_extra={"pattern": _PERIOD}),
]
Keeping: TypeAlias = Annotated[
    str,
    BeforeValidator(accepted(words.keeping)),
    Field(json_schema_extra={"pattern": _PERIOD}),
]
Seconds: TypeAlias = Annotated[
    int,
    BeforeValidator(accepted(words.seconds)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 600},
                {"type": "string", "pattern": "^[0-9]{1,4} (second|minute)s?$"},
            ]
        }
    ),
]


class Table(BaseModel):
    """Unknown keys are refused, and no value is turned into another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class SecretTable(Table):
    """Where a secret is kept: exactly one of these. The secret itself never stands in this file."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    credential: Annotated[str, AfterValidator(accepted(words.credential))] | None = Field(
        default=None,
        description="The name of a systemd credential (LoadCredential= or LoadCredentialEncrypted=).",
    )
    file: Absolute | None = Field(
        default=None, description="A file that only the service's user may read (chmod 400)."
    )
    env: Annotated[str, AfterValidator(accepted(words.variable))] | None = Field(
        default=None, description="The name of an environment variable."
    )
    command: list[Annotated[str, AfterValidator(accepted(words.argument))]] | None = Field(
        default=None, min_length=1, description="A program and its arguments; what it prints is the secret."
    )


class RolesTable(Table):
    """Folders whose role the server does not tell (SPECIAL-USE, RFC 6154)."""

    sent: Folder | None = Field(default=None, description="Sent Items")
    trash: Folder | None = Field(default=None, description="Deleted Items")
    drafts: Folder | None = Field(default=None, description="Drafts")
    junk: Folder | None = Field(default=None, description="Junk")
    archive: Folder | None = Field(default=None, description="Archive")
    templates: Folder | None = Field(default=None, description="Templates")
