"""Exceptions and warnings of clvml: each message states what is wrong, the rule and a remedy."""


class ClvmlError(Exception):
    """Base class of all clvml errors; the command line prints them without a traceback."""


class InputError(ClvmlError, ValueError):
    """The data or an argument is invalid."""


class TimeUnitError(InputError):
    """A model and a customer summary use different time units."""


class FitError(ClvmlError, RuntimeError):
    """A model cannot be fitted to the given customers."""


class LossError(InputError, FitError):
    """Some spend is negative (losses), and the requested computation needs non-negative spend."""


class TrackingError(ClvmlError, RuntimeError):
    """A request to the MLflow tracking server or model registry failed."""


class TimeUnitWarning(UserWarning):
    """Customers who do not state their time unit appear to use another one than the model."""


class FitWarning(UserWarning):
    """A model was fitted, but its parameters are unreliable: they diverge or are weakly identified."""
