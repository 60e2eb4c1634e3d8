"""The parts of the chapter on satisfaction, complaints and loyalty, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from clvml.workflow._findings import Finding
from clvml.workflow._stage import Context
from clvml.workflow.stages._satisfaction import Voices
from clvml.workflow.stages._satisfaction_complaints import complaints
from clvml.workflow.stages._satisfaction_loyalty import loyal_to_what
from clvml.workflow.stages._satisfaction_scores import scores
from clvml.workflow.stages._satisfaction_value import beyond_behaviour, worth

Part = Callable[[Context, Voices], Iterator[Finding]]

PARTS: tuple[Part, ...] = (scores, complaints, loyal_to_what, worth, beyond_behaviour)
