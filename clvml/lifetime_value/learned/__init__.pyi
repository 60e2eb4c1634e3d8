from ._correction import LearnedCorrection as LearnedCorrection
