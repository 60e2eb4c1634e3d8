"""Prints are compared as a reader would: numbers that round otherwise are the same, all else is not."""

import pytest
from printed import differences


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a -0.0 b", "a   0.0 b"),
        ("r 0.24259 0", "r  0.24260 -0"),
        ("total 71,508", "total 71508"),
        ("1.23457e-05", "1.23458e-05"),
        ("until 1997-09-30", "until  1997-09-30"),
        ("1653.408724", "1653.5"),
    ],
)
def test_what_rounds_otherwise_on_another_machine_is_the_same(before, after):
    assert differences(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("customer 1516", "customer 1517"),
        ("0.2426", "0.2428"),
        ("0.2426", "-0.2426"),
        ("1653.4", "1653.7"),
        ("2,357 customers", "2,357 buyers"),
        ("1 2", "1 2 3"),
        ("1.5 True", "1.5 False"),
        ("1.0", "nan"),
        ("1.234e-05", "1.234e-06"),
        ("1e-05", "2e-05"),
        ("1997-09-30", "1997-09-29"),
    ],
)
def test_other_numbers_and_other_words_are_noticed(before, after):
    assert differences(before, after)
