"""The text of one Dovecot's configuration; nothing is run here.

One user owns every process and every file (no set-uid, no chroot), so the same text serves root's
tests, which drop to an unprivileged user first, and anybody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.servers.users import PASSWORD

Store = Literal["maildir", "mdbox"]

#: What Dovecot 2.3 offers after login with these plugins, without QUOTA.
CAPABILITY = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS "
    "THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS "
    "LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH "
    "LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ "
    "NOTIFY SPECIAL-USE ACL RIGHTS=texk"
)


def capability_without(*names: str) -> str:
    """The whole list less `names`, for a server that hides an ability (say UIDPLUS, MULTIAPPEND)."""
    return " ".join(word for word in CAPABILITY.split() if word not in names)


@dataclass(frozen=True, slots=True)
class Options:
    """What makes one instance unlike another. Hashable: fixtures keep one instance per Options.

    `zone` is the server's TZ. `capability` replaces the whole advertised list. `quota` is per user
    ("1M"). `lazy_expunge` makes the server keep what was expunged, in the folder EXPUNGED.
    """

    store: Store = "maildir"
    zone: str = "UTC"
    capability: str | None = None
    lazy_expunge: bool = False
    acl: bool = True
    quota: str | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """Where an instance lives and who owns it."""

    directory: Path
    owner: str
    group: str
    port: int
    starttls_port: int


def configuration(options: Options, ground: Ground) -> str:
    """The whole file. `ground.directory` holds server.pem, server.key and masters."""
    return "\n".join(
        (
            _BASE.format(
                directory=ground.directory,
                owner=ground.owner,
                group=ground.group,
                port=ground.port,
                starttls_port=ground.starttls_port,
                password=PASSWORD,
                location=f"{options.store}:~/{options.store}",
            ),
            f"imap_capability = {options.capability}" if options.capability else "",
            _mailboxes(options),
            _shared(options) if options.acl else "",
            _plugins(options, ground),
        )
    )


def _mailboxes(options: Options) -> str:
    kept = "  mailbox EXPUNGED {\n    auto = create\n  }\n" if options.lazy_expunge else ""
    return _INBOX.replace("@KEPT@", kept)


def _shared(options: Options) -> str:
    return f"""
namespace shared {{
  type = shared
  separator = /
  prefix = shared/%%u/
  location = {options.store}:%%h/{options.store}
  subscriptions = no
  list = children
}}
"""


def _plugins(options: Options, ground: Ground) -> str:
    mail: list[str] = []
    imap: list[str] = []
    lines: list[str] = []
    if options.acl:
        mail.append("acl")
        imap.append("imap_acl")
        # By default a right that was taken away is remembered for five minutes.
        lines.append("acl = vfile:cache_secs=0")
        lines.append(f"acl_shared_dict = file:{ground.directory}/shared-mailboxes")
        # A master user acts with the rights of the user whose mailbox it is.
        lines.append("acl_user = %u")
        lines.append("master_user = %u")
    if options.quota:
        mail.append("quota")
        imap.append("imap_quota")
        lines.append("quota = count:User quota")
        lines.append("quota_vsizes = yes")
        lines.append("quota_grace = 0")
        lines.append(f"quota_rule = *:storage={options.quota}")
    if options.lazy_expunge:
        mail.append("lazy_expunge")
        lines.append("lazy_expunge = EXPUNGED")
    body = "\n".join(f"  {line}" for line in lines)
    return (
        f"mail_plugins = {' '.join(mail)}\n"
        f"protocol imap {{\n  mail_plugins = $mail_plugins {' '.join(imap)}\n}}\n"
        f"plugin {{\n{body}\n}}\n"
    )


_BASE = """
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {owner}
default_internal_group = {group}
default_login_user = {owner}
first_valid_uid = 1
first_valid_gid = 1
import_environment = TZ

ssl = required
ssl_cert = <{directory}/server.pem
ssl_key = <{directory}/server.key
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_failure_delay = 0
auth_master_user_separator = *
mail_max_userip_connections = 1000
stats_writer_socket_path =

mail_location = {location}
mail_fsync = never
mdbox_rotate_size = 50M

service imap-login {{
  chroot =
  # One process for all connections: signing in costs no fork.
  service_count = 0
  process_min_avail = 1
  client_limit = 500
  inet_listener imap {{
    port = {starttls_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 500
}}
service anvil {{
  chroot =
  # A wrong password must not make the next one from 127.0.0.1 wait.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service auth-worker {{
  user = {owner}
}}
passdb {{
  driver = passwd-file
  args = scheme=plain username_format=%u {directory}/masters
  master = yes
  result_success = continue
}}
# Any name is a user at once: Dovecot looks at a file of users only once a second.
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={directory}/home/%u allow_all_users=yes
}}
"""

_INBOX = """
namespace inbox {
  type = private
  inbox = yes
  separator = /
  mailbox Sent {
    auto = create
    special_use = \\Sent
  }
  mailbox "Deleted Items" {
    auto = create
    special_use = \\Trash
  }
  mailbox Drafts {
    auto = create
    special_use = \\Drafts
  }
  mailbox Junk {
    auto = create
    special_use = \\Junk
  }
@KEPT@}
"""
