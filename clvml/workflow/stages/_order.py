"""The order of the stages."""

from __future__ import annotations

from clvml.workflow._stage import Stage
from clvml.workflow.stages import (
    _comparing,
    _diagnosing,
    _reading,
    _segment_moves,
    _segmenting,
    _serving,
    _splitting,
    _validating_segments,
)

STAGES: tuple[Stage, ...] = (
    _reading.STAGE,
    _splitting.STAGE,
    _comparing.STAGE,
    _diagnosing.STAGE,
    _serving.STAGE,
    _segmenting.STAGE,
    _validating_segments.STAGE,
    _segment_moves.STAGE,
)
