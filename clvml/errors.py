"""What can go wrong, as a vocabulary: each message names the thing, the rule and the way out."""


class ClvmlError(Exception):
    """Base of every error that clvml raises on purpose; the command line prints it as one sentence."""


class InputError(ClvmlError, ValueError):
    """The data or an argument breaks a rule."""


class TimeUnitError(InputError):
    """A model and a customer summary count time in different units."""


class FitError(ClvmlError, RuntimeError):
    """A model cannot be fitted to these customers."""


class LossError(InputError, FitError):
    """Customers have brought losses, and what was asked needs money that is not negative."""


class TrackingError(ClvmlError, RuntimeError):
    """The tracking server or the model registry cannot do what was asked."""


class FitWarning(UserWarning):
    """A fit was found, but its parameters deserve distrust: a boundary, too little information."""
