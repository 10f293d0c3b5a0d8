"""Nobody else may change the configuration or read a secret; and a secret is read when it is needed only."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest

from retentiond.cli.sentences import sentences
from retentiond.config import Config, SecretReference, Source, load, read_secret, read_secret_bytes, too_open
from retentiond.errors import ConfigurationRefused, Exit, LedgerMissing, PermissionsTooOpen, SecretMissing
from tests.config.conftest import LEAST, Write


def refused(path: Path) -> PermissionsTooOpen:
    with pytest.raises(PermissionsTooOpen) as caught:
        load(path)
    assert caught.value.exit_code == Exit.TOO_OPEN
    return caught.value


def with_secret(file: Path) -> str:
    return LEAST.replace('{ credential = "imap" }', f'{{ file = "{file}" }}')


@pytest.mark.parametrize("mode", [0o660, 0o602, 0o666, 0o620])
def test_a_configuration_that_others_may_change_is_not_even_read(mode: int, write: Write) -> None:
    [fault] = refused(write("this is not TOML", mode=mode)).faults
    assert "may change it" in fault.what
    assert fault.way_on.startswith("chmod go-w /")


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o644, 0o640])
def test_a_configuration_that_others_may_read_is_in_order(mode: int, write: Write) -> None:
    assert isinstance(load(write(LEAST, mode=mode)), Config)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_configuration_of_another_user_is_refused(write: Write) -> None:
    path = write(LEAST)
    os.chown(path, 65534, 0)
    assert "another user" in refused(path).faults[0].what


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o444])
def test_a_secret_that_others_can_read_is_refused_before_any_connection(mode: int, write: Write) -> None:
    secret = write("hunter2\n", "imap", mode)
    [fault] = refused(write(with_secret(secret))).faults
    assert (fault.line, fault.key) == (4, "account.main.secret")
    assert "is open to" in fault.what
    assert fault.way_on == f"chmod 400 {secret}"
    assert "hunter2" not in repr(fault)


def test_every_secret_that_is_open_is_told_at_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    key = write("k", "ledger.key", 0o644)
    credential = write("c", "imap", 0o440)
    authority = write("a", "ca.pem", 0o664)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credential.parent))
    text = LEAST.replace("\n\n", f'\nca_file = "{authority}"\n[ledger]\ndirectory = "{key.parent}"\n', 1)
    faults = refused(write(text)).faults
    assert [(fault.line, fault.key) for fault in faults] == [
        (6, "ledger.key"),
        (4, "account.main.secret"),
        (5, "account.main.ca_file"),
    ]


def test_other_faults_come_before_secrets_that_are_open(write: Write) -> None:
    with pytest.raises(ConfigurationRefused):
        load(write(with_secret(write("s", "imap", 0o644)) + "[polcy]\n"))


def test_a_secret_that_is_not_there_yet_does_not_hinder_loading(write: Write, tmp_path: Path) -> None:
    config = load(write(with_secret(tmp_path / "not" / "there")))
    with pytest.raises(SecretMissing) as caught:
        read_secret(config.accounts["main"].secret)
    assert caught.value.account == "main"
    assert "not there" in caught.value.place


def access_list(path: Path, *entries: tuple[int, int, int]) -> None:
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", packed)
    except OSError:
        pytest.skip("this file system has no access control lists")


NOBODY, OWNER, USER, OWN_GROUP, GROUP, MASK, OTHER = 0xFFFFFFFF, 1, 2, 4, 8, 16, 32


def test_a_credential_as_systemd_hands_it_over_is_not_open(write: Write) -> None:
    """r--r-----, where the middle is the mask of a list that names the service's user alone."""
    path = write("s", "imap", 0o400)
    own = (USER, 4, os.geteuid())
    access_list(path, (OWNER, 4, NOBODY), own, (OWN_GROUP, 0, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY))
    assert path.stat().st_mode & 0o777 == 0o440
    assert too_open(path) is None


def test_a_list_that_lets_a_group_in_is_open(write: Write) -> None:
    path = write("s", "imap", 0o400)
    group = (GROUP, 4, 4)
    access_list(
        path, (OWNER, 4, NOBODY), (OWN_GROUP, 0, NOBODY), group, (MASK, 4, NOBODY), (OTHER, 0, NOBODY)
    )
    assert too_open(path) == "another group"


@pytest.mark.parametrize(
    ("content", "value"),
    [("s", "s"), ("s\n", "s"), ("s\r\n", "s"), (" s ", " s "), ("é\n", "é"), ("s\t", "s\t")],
)
def test_one_newline_at_the_end_of_a_secret_is_not_part_of_it(content: str, value: str, write: Write) -> None:
    reference = SecretReference("main", Source.FILE, str(write(content, "imap")))
    assert read_secret(reference) == value
    assert read_secret_bytes(reference) == content.encode()


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a\n\n", b"a\0", b"a\rb", b"\xff\xfe"])
def test_what_cannot_be_a_password_is_not_sent_as_one(content: bytes, write: Write) -> None:
    reference = SecretReference("main", Source.FILE, str(write(content, "imap")))
    with pytest.raises(SecretMissing) as caught:
        read_secret(reference)
    assert caught.value.exit_code == Exit.CONFIGURATION
    assert read_secret_bytes(reference) == content, "a key may be any bytes"


def test_a_secret_that_was_opened_to_others_since_the_start_is_not_read(write: Write) -> None:
    path = write("s", "imap")
    reference = SecretReference("main", Source.FILE, str(path))
    assert read_secret(reference) == "s"
    path.chmod(0o644)
    with pytest.raises(PermissionsTooOpen):
        read_secret(reference)


def test_credentials_and_variables_are_looked_up_when_they_are_read(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = SecretReference("main", Source.CREDENTIAL, "imap")
    variable = SecretReference("main", Source.ENV, "RETENTIOND_TEST_SECRET")
    for reference in (credential, variable):
        with pytest.raises(SecretMissing):
            read_secret(reference)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(write("one\n", "imap").parent))
    monkeypatch.setenv("RETENTIOND_TEST_SECRET", "two")
    assert (read_secret(credential), read_secret(variable)) == ("one", "two")


def test_a_command_prints_the_secret_without_a_shell() -> None:
    script = "import sys; print(sys.argv[1])"
    reference = SecretReference("main", Source.COMMAND, sys.executable, ("-c", script, "$HOME; ls"))
    assert read_secret(reference) == "$HOME; ls"


@pytest.mark.parametrize("command", [("/nowhere/pass",), (sys.executable, "-c", "print('hunter2'); exit(7)")])
def test_a_command_that_fails_is_told_without_its_words(command: tuple[str, ...]) -> None:
    with pytest.raises(SecretMissing) as caught:
        read_secret(SecretReference("main", Source.COMMAND, command[0], command[1:]))
    assert "hunter2" not in caught.value.place
    assert caught.value.__cause__ is None


def test_a_folder_or_a_pipe_in_place_of_a_secret_is_told_and_waited_for_by_nobody(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe, 0o600)
    folder.mkdir(mode=0o700)
    for place in (pipe, folder):
        with pytest.raises(SecretMissing):
            read_secret(SecretReference("main", Source.FILE, str(place)))


def test_a_secret_of_another_user_is_no_missing_one(tmp_path: Path) -> None:
    """Made with `sudo`, for a service that is not root: it is not lost, and there is no copy to put back."""
    secret = tmp_path / "imap"
    secret.write_text("hunter2\n")
    secret.chmod(0)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        with pytest.raises(SecretMissing) as caught:
            read_secret(SecretReference("main", Source.FILE, str(secret)))
    finally:
        if is_root:
            os.seteuid(0)
    error = caught.value
    for told in (error, LedgerMissing("/state", error.place, error.way)):
        [sentence] = sentences(told)
        assert "this user may not read it" in sentence
        assert "chown" in sentence
        assert "put" not in sentence


def test_a_credential_is_no_missing_one_where_systemd_was_not_asked() -> None:
    with pytest.raises(SecretMissing) as caught:
        read_secret(SecretReference("main", Source.CREDENTIAL, "imap-main"))
    error = caught.value
    for told in (error, LedgerMissing("/state", error.place, error.way)):
        [sentence] = sentences(told)
        assert sentence.endswith("nothing was done; type it as: sudo retentiond as-service COMMAND")
