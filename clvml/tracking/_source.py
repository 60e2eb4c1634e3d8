"""Where a run came from: the user, the program, clvml's version and the git commit, as MLflow's tags."""

from __future__ import annotations

import getpass
import subprocess
import sys
from pathlib import Path

import clvml

GIT_COMMIT = "mlflow.source.git.commit"


def source_tags() -> dict[str, str]:
    """MLflow's tags of the user, the program and the git commit of the current folder."""
    return _user() | {
        "mlflow.source.name": Path(sys.argv[0]).name or "python",
        "mlflow.source.type": "LOCAL",
        "clvml_version": clvml.__version__,
        **git_tags(Path.cwd()),
    }


def git_tags(folder: Path) -> dict[str, str]:
    """The commit that a folder is at, and whether tracked files differ from it; empty without git."""
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    lines = status.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), "(initial)")
    if commit == "(initial)":
        return {}
    changed = any(not line.startswith("#") for line in lines)
    return {GIT_COMMIT: commit, "git_changed": "yes" if changed else "no"}


def _git(folder: Path, *arguments: str) -> str:
    """What git says of a folder; nothing if it is not there, slow, or the folder is in no repository."""
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=5, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError, ImportError):
        return {}
