"""Of several processes that claim a registered model at the same moment, one holds it."""

from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException

from clvml.tracking import _exclusive
from clvml.tracking._exclusive import CLAIM, exclusively

SERVER = "http://127.0.0.1:1"


class Registry:
    """The tags of a registered model; the first claim fails, after another process has written ``theirs``."""

    def __init__(self, theirs):
        self.tags, self.theirs, self.refusals = {}, theirs, 0

    def get_registered_model(self, name):
        found = SimpleNamespace(name=name, tags=dict(self.tags))
        if self.refusals and self.tags.get(CLAIM) == self.theirs:
            del self.tags[CLAIM]  # the other is done
        return found

    def set_registered_model_tag(self, name, key, value):
        if not self.refusals:
            self.refusals += 1
            if self.theirs:
                self.tags[key] = self.theirs
            raise MlflowException(f"{name}: UNIQUE constraint failed")
        self.tags[key] = value

    def delete_registered_model_tag(self, name, key):
        assert name == "shop"
        del self.tags[key]


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch):
    monkeypatch.setattr(_exclusive, "SETTLED", 0.0)


def test_the_second_of_two_claims_at_the_same_moment_waits_for_the_first():
    registry = Registry(theirs="another process")
    with exclusively(registry, "shop", SERVER):
        assert registry.tags[CLAIM] not in ("", "another process")
    assert registry.tags == {}
    assert registry.refusals == 1


def test_a_claim_that_is_refused_without_another_is_an_error():
    with (
        pytest.raises(MlflowException, match="UNIQUE constraint"),
        exclusively(Registry(theirs=""), "shop", SERVER),
    ):
        pass
