"""What two machines print of the same results.

Texts are compared as texts between their numbers, spaces aside; whole numbers are equal, others differ by no
more than one in the last printed decimal or in 10,000, whichever is more.
"""

import re

NUMBER = re.compile(
    r"(?<![\w.])[-+]?"  # a sign, unless it joins words, as in dates
    r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<decimals>\d+))?(?:e(?P<exponent>[-+]?\d+))?"
)
RELATIVE = 1e-4


def tolerance(number):
    """One in the last decimal or in 10,000, whichever is more; nothing for a whole number."""
    if not number["decimals"]:
        return 0.0
    last = 10.0 ** (int(number["exponent"] or 0) - len(number["decimals"]))
    return max(1.001 * last, RELATIVE * abs(value(number)))


def value(number):
    return float(number[0].replace(",", ""))


def differences(before, after):
    """Texts and numbers of the first that the second does not show, each beside what it shows."""
    texts = [" ".join(NUMBER.sub(" # ", text).split()) for text in (before, after)]
    if texts[0] != texts[1]:
        return [texts]
    pairs = zip(NUMBER.finditer(before), NUMBER.finditer(after), strict=True)
    return [(a[0], b[0]) for a, b in pairs if abs(value(a) - value(b)) > tolerance(a)]
