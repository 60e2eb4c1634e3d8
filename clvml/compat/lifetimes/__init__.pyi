from ._bridge import LifetimesValue as LifetimesValue
from ._bridge import from_lifetimes as from_lifetimes
from ._bridge import quiet_lifetimes as quiet_lifetimes
from ._bridge import to_lifetimes as to_lifetimes
from ._check import LifetimesCheck as LifetimesCheck
from ._check import check_against_lifetimes as check_against_lifetimes
