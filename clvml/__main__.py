"""The command line; `clvml.commands` has its commands."""

from __future__ import annotations

from clvml.commands import app


def main() -> None:
    """Entry point of the ``clvml`` command."""
    app()


if __name__ == "__main__":
    main()
