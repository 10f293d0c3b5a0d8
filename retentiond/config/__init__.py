"""TOML becomes a frozen Config, or one error that lists every fault with its place.

The rest of the house sees the dataclasses of `settings.py` and `accounts.py` only. pydantic is imported when
a configuration is loaded, not when this package is.
"""

from retentiond.config.accounts import (
    Access,
    Account,
    Auth,
    ExchangeAccount,
    GraphAccount,
    ImapAccount,
    Login,
    Proof,
    SecretReference,
    Source,
    Tls,
)
from retentiond.config.load import DEFAULT_PATH, VARIABLE, find, json_schema, load
from retentiond.config.secrets import read_secret, read_secret_bytes, too_open
from retentiond.config.settings import (
    PLACE,
    AdvisorSettings,
    AlertSettings,
    Config,
    ControlSettings,
    Elsewhere,
    HeartbeatSettings,
    HelplineSettings,
    LedgerSettings,
    LettersSettings,
    LogSettings,
    MetricsSettings,
    Policy,
    Schedule,
    TargetSettings,
)
from retentiond.config.show import example, shown

__all__ = [
    "DEFAULT_PATH",
    "PLACE",
    "VARIABLE",
    "Access",
    "Account",
    "AdvisorSettings",
    "AlertSettings",
    "Auth",
    "Config",
    "ControlSettings",
    "Elsewhere",
    "ExchangeAccount",
    "GraphAccount",
    "HeartbeatSettings",
    "HelplineSettings",
    "ImapAccount",
    "LedgerSettings",
    "LettersSettings",
    "LogSettings",
    "Login",
    "MetricsSettings",
    "Policy",
    "Proof",
    "Schedule",
    "SecretReference",
    "Source",
    "TargetSettings",
    "Tls",
    "example",
    "find",
    "json_schema",
    "load",
    "read_secret",
    "read_secret_bytes",
    "shown",
    "too_open",
]
