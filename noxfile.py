"""The tests on every Python that is promised: `nox`. For one Python, `./run test` is the command."""

import nox


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    session.install("-c", "constraints.txt", "-e", ".[test]")
    session.run("pytest", "-n", "2", *session.posargs)
