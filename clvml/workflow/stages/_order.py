"""The order of the stages: each name is a module beside this one with a `STAGE`."""

from __future__ import annotations

from importlib import import_module

from clvml.workflow._stage import Stage

_MODULES = (
    "_reading",
    "_splitting",
    "_comparing",
    "_diagnosing",
    "_serving",
    "_treatments",
    "_segmenting",
    "_validating_segments",
    "_segment_moves",
    "_satisfaction",
    "_economics",
    "_customer_base",
    "_surveying",
)
# The manager's questions first; all others follow.
_REPORT = ("_serving", "_economics", "_customer_base", "_segmenting", "_treatments", "_comparing")
STAGES: tuple[Stage, ...] = tuple(import_module(f"{__package__}.{name}").STAGE for name in _MODULES)
"""The stages of ``clvml run``, in the order in which they run."""


def section_order() -> tuple[str, ...]:
    """The sections of the report that come first."""
    return tuple(import_module(f"{__package__}.{name}").STAGE.section for name in _REPORT)
