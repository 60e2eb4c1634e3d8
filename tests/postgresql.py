"""A PostgreSQL server of the tests' own on loopback, with a password."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

PASSWORD = "s3cret-p@ss/word"
BINARIES = Path("/usr/lib/postgresql")


class PostgreSQL(NamedTuple):
    """A running server."""

    folder: Path
    port: int

    def uri(self, database: str, password: str = "s3cret-p%40ss%2Fword") -> str:
        """The tracking URI of a database in it."""
        return f"postgresql+psycopg://clv:{password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Create a database; its tracking URI."""
        import psycopg

        login = {"host": "127.0.0.1", "port": self.port, "user": "clv", "password": PASSWORD}
        with psycopg.connect(**login, dbname="postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.uri(database)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """Start a server for the block; skip the test where there is none to start."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    initdb, server = _binary("initdb"), _binary("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed")
    user = _user()
    with tempfile.TemporaryDirectory(prefix="clvml-postgres-") as place:
        folder = Path(place)
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        as_user = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL}
        command = [initdb, "-D", folder / "data", "-U", "clv", "-A", "scram-sha-256", "--no-sync"]
        subprocess.run([*command, "--pwfile", folder / "password"], check=True, **as_user)
        port = free_port()
        options = {"port": port, "listen_addresses": "127.0.0.1", "fsync": "off"}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [server, "-D", folder / "data", "-k", folder, *settings], stderr=log, **as_user
            )
        try:
            _wait_until_up(port, process, folder / "log")
            yield PostgreSQL(folder, port)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _binary(name: str) -> str | None:
    newest = sorted(BINARIES.glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(newest[-1]) if newest else None)


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


def _wait_until_up(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    import time

    import psycopg

    login = {"host": "127.0.0.1", "port": port, "user": "clv", "password": PASSWORD, "dbname": "postgres"}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(**login, connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not come up:\n{log.read_text()[-2000:]}")
