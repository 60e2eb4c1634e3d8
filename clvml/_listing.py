"""What ``dir`` and tab completion show of an estimator, and its representation when fitted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Listed:
    """Mixin of estimators: ``dir`` has public names, the repr of a fitted one what was learnt."""

    def __dir__(self) -> Iterable[str]:
        """Public names and Python's own."""
        hidden = {"varied_arguments", "varied_estimates"}
        names = super().__dir__()
        return [name for name in names if name.startswith("__") or (name[0] != "_" and name not in hidden)]

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """The constructor call, with what was learnt if fitted."""
        show: Any = super().__repr__
        text = str(show(N_CHAR_MAX))
        learnt = self._learnt()
        return f"{text} with {learnt}" if learnt else text

    def _learnt(self) -> str:
        """What was learnt, in a few words; empty if not fitted."""
        return ""


def learnt_by(model: object) -> str:
    """What a model inside another one learnt; empty if it is custom or not fitted."""
    return model._learnt() if isinstance(model, Listed) else ""


def listed_numbers(numbers: Any) -> str:
    """Numbers by name: ``"a=0.793, b=2.43"``.

    Examples
    --------
    >>> listed_numbers({"retention_rate": 0.98765432})
    'retention_rate=0.9877'
    """
    return ", ".join(f"{name}={value:.4g}" for name, value in dict(numbers).items())
