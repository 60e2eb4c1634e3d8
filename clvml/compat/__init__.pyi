from . import lifetimes as lifetimes
