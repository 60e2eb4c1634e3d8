"""Register a challenger, judge it against the champion, and promote it if the rule says so.

A version is complete from the moment it exists: the status "not judged yet" is among the tags that it is
made with. The judgement runs without a lock; the aliases change under one, and only if the champion is still
the one that the challenger was judged against, otherwise it is judged again. Of two runs at once, the later
one is thus judged against the earlier. A process that is killed in between leaves a version that is not
judged yet.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from clvml.customers._fingerprint import source_difference
from clvml.tracking._connection import _alone, connected, database_of, without_prints
from clvml.tracking._exclusive import exclusively
from clvml.tracking._registry import RegisteredVersion, _version, check_name, named
from clvml.tracking._seats import (
    CHALLENGER,
    CHAMPION,
    NOT_JUDGED,
    NOT_PROMOTED,
    Seats,
    describe,
    pass_over,
    seat,
    seats_of,
)
from clvml.tracking._trial import Judgement, Trial, judge
from clvml.tracking.flavor import load_model

REFUSED = "refused"
SOURCE = "source_months"  # tag: the fingerprint of the purchases
FOLLOWS = "model_version"  # tag of segments: the version of the model whose values they group
_MONTHS = 120  # of the fingerprint in a tag, the latest
_ROUNDS = 5  # judgements, where others change the champion at the same time


class Nomination(NamedTuple):
    """What became of a model that was to be registered.

    Attributes
    ----------
    name : str
        The registered model.
    version : RegisteredVersion or None
        None if it was refused.
    status : {"champion", "not promoted", "refused"}
    why : str
        Part of a sentence.
    replaced : int or None
        The champion that it replaced.
    follows : str
        The registered model that it follows.
    """

    name: str
    version: RegisteredVersion | None
    status: str
    why: str
    replaced: int | None = None
    follows: str = ""

    @property
    def can_be_promoted(self) -> bool:
        """Whether it is registered, but not the champion, and follows no other model."""
        return self.version is not None and self.status != CHAMPION and not self.follows

    @property
    def sentence(self) -> str:
        """Under which version it is registered, whether it is the champion, and why."""
        if self.version is None:
            return f"not registered as {self.name}: {self.why}"
        if self.status == CHAMPION:
            replaced = "" if self.replaced is None else f", replacing version {self.replaced}"
            return f"registered: {self.version.uri} @champion{replaced}: {self.why}"
        return f"registered: {self.version.uri} @challenger, not promoted: {self.why}"


def register(
    model: Any,
    name: str,
    alias: str | None = "challenger",
    tags: dict[str, Any] | None = None,
    *,
    tracking_uri: str | None = None,
) -> RegisteredVersion:
    """Register a logged model as the next version of ``name`` and give it an alias.

    Parameters
    ----------
    model : ModelInfo or str
        What :func:`clvml.tracking.flavor.log_model` returned, or a model URI.
    name : str
        The registered model; it is created if it does not exist.
    alias : str, optional
        Set on the new version. With the default, the version becomes champion where there is none; see
        :func:`clvml.tracking.promote`. None leaves the aliases unchanged.
    tags : dict, optional
        Of the version.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    RegisteredVersion
        The new version with its aliases.

    Raises
    ------
    TrackingError
        If the store does not respond, or there is no such model.

    See Also
    --------
    clvml.tracking.promote : Makes a version the champion.
    clvml.tracking.models : All versions.
    clvml.workflow.run : Registers the model to serve and judges it against the champion.

    Examples
    --------
    A model that was fitted by hand becomes the challenger of the champion in the registry:

    >>> import clvml, mlflow
    >>> from clvml.tracking import flavor, register
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> model = clvml.LifetimeValue(clvml.MBGNBD(), clvml.GammaGamma(), horizon="12M").fit(customers)
    >>> with mlflow.start_run(run_name="MBG/NBD by hand"):  # doctest: +SKIP
    ...     info = flavor.log_model(model, "mbgnbd", input_example=customers)
    >>> version = register(info, "shop", tags={"ticket": 4711})  # doctest: +SKIP
    >>> version.uri, version.aliases  # doctest: +SKIP
    ('models:/shop/2', ('challenger',))
    """
    check_name(name)
    uri = getattr(model, "model_uri", model)
    if alias == "challenger":
        nominated = challenge(uri, name, tags or {}, tracking_uri=tracking_uri).version
        assert nominated is not None  # refused only by a trial
        return nominated
    with connected(tracking_uri, create=True):
        import mlflow

        with without_prints():
            made = mlflow.register_model(uri, name, tags={key: str(v) for key, v in (tags or {}).items()})
        if alias is not None:
            mlflow.MlflowClient().set_registered_model_alias(name, alias, made.version)
        return _version(name, made.version)


def challenge(
    model_uri: str,
    name: str,
    tags: Mapping[str, Any],
    trial: Trial | None = None,
    *,
    tracking_uri: str | None = None,
    resume: bool = False,
) -> Nomination:
    """Register a logged model as the challenger of ``name``, and judge it against the champion.

    Parameters
    ----------
    model_uri : str
    name : str
    tags : mapping
        Of the version.
    trial : Trial, optional
        Without it, nothing is judged, and an existing champion stays.
    tracking_uri : str, optional
        See :mod:`clvml.tracking`.
    resume : bool
        Whether to complete what an interrupted attempt began, rather than register another version.

    Raises
    ------
    TrackingError
        If the store does not respond, there is no such model, or the name is invalid.
    """
    check_name(name)
    with connected(tracking_uri, create=True) as uri:
        import mlflow

        client = mlflow.MlflowClient()
        seats = _seats_if_any(client, name)
        known = None if seats.champion is None else client.get_model_version(name, str(seats.champion)).tags
        if trial is not None and known and (reason := _other_source(known, trial)):
            return Nomination(name, None, REFUSED, _refusal(name, seats.champion, known, reason))
        number = _registered(client, model_uri, name, {**_provenance(trial), **tags}, uri, resume)
        if resume and (settled := _settled(client, name, number)) is not None:
            return settled
        status, why, replaced = _seated(client, name, number, trial, uri)
        return Nomination(name, _version(name, number), status, why, replaced)


def follow(
    model_uri: str,
    name: str,
    tags: Mapping[str, Any],
    model: str,
    leader: Nomination | None,
    *,
    tracking_uri: str | None = None,
    resume: bool = False,
) -> Nomination:
    """Register segments with the model whose values they group; they are promoted together, or not at all.

    Parameters
    ----------
    model_uri, name, tags, tracking_uri, resume
        As in `challenge`.
    model : str
        The registered model that they follow.
    leader : Nomination or None
        What became of it; None if it could not be registered.
    """
    check_name(name)
    if leader is None or leader.version is None:
        return Nomination(
            name, None, REFUSED, f"they follow {model}, which was not registered", follows=model
        )
    with connected(tracking_uri, create=True) as uri:
        import mlflow

        client, number = mlflow.MlflowClient(), leader.version.version
        own = _registered(client, model_uri, name, {**tags, FOLLOWS: f"{model}/{number}"}, uri, resume)
        with exclusively(client, name, uri):
            before = seats_of(client.get_registered_model(name))
            leads = seats_of(client.get_registered_model(model)).champion == number
            if leads:
                status, why = CHAMPION, f"the segments of {model} version {number}, its champion"
                seat(client, name, own, before.history, why, "rule")
            else:
                status = NOT_PROMOTED
                why = f"they follow {model} version {number}, which is not its champion"
                pass_over(client, name, own, why)
        replaced = before.champion if leads else None
        return Nomination(name, _version(name, own), status, why, replaced, model)


def _settled(client: Any, name: str, number: int) -> Nomination | None:
    """What became of a version that has been judged; None if it was not judged yet."""
    tags = client.get_model_version(name, str(number)).tags
    status = tags.get("status", NOT_JUDGED)
    if status == NOT_JUDGED:
        return None
    describe(client, name, number)
    return Nomination(name, _version(name, number), status, tags.get("why", ""))


def _seated(
    client: Any, name: str, number: int, trial: Trial | None, uri: str
) -> tuple[str, str, int | None]:
    """The status of a registered version, why, and the version that it replaced."""
    for _ in range(_ROUNDS):
        seats = seats_of(client.get_registered_model(name))
        incumbent = seats.champion
        if incumbent == number:  # seated by an attempt that was interrupted before it said why
            earlier = seats.history[-2] if len(seats.history) > 1 else None
            found = _judged(client, name, number, earlier, trial)
            seat(client, name, number, seats.history[:-1], found.reason, "rule")
            return CHAMPION, found.reason, earlier
        found = _judged(client, name, number, incumbent, trial)
        with exclusively(client, name, uri):
            seats = seats_of(client.get_registered_model(name))
            if seats.champion != incumbent:
                continue
            _tag_judgement(client, name, number, incumbent, found, trial)
            if found.promote:
                seat(client, name, number, seats.history, found.reason, "rule")
                return CHAMPION, found.reason, incumbent
            pass_over(client, name, number, found.reason)
            return NOT_PROMOTED, found.reason, None
    why = f"other runs changed the champion {_ROUNDS} times while it was judged"
    pass_over(client, name, number, why)
    return NOT_PROMOTED, why, None


def _judged(client: Any, name: str, number: int, incumbent: int | None, trial: Trial | None) -> Judgement:
    if incumbent is None:
        return Judgement(True, f"the first version of {name}" if number == 1 else f"{name} had no champion")
    if trial is None:
        return Judgement(False, f"no holdout was given to judge it against version {incumbent}")
    tags = dict(client.get_model_version(name, str(incumbent)).tags)
    if reason := _other_source(tags, trial):
        return Judgement(False, f"version {incumbent} is of another data set: {reason}")
    if SOURCE not in tags and "experiment" not in tags:
        return Judgement(False, f"it is not known which data version {incumbent} was trained on")
    uri = f"models:/{name}/{incumbent}"
    found = judge(
        trial, lambda: load_model(uri), tags.get("fitted_until", ""), tags.get("warranty_until", "")
    )
    how = f" ({found.incumbent})" if found.incumbent else ""
    return found._replace(reason=f"judged against version {incumbent}{how}: {found.reason}")


def _other_source(tags: Mapping[str, str], trial: Trial) -> str:
    """Why the purchases are not those of a version; empty if they are, or if it does not say."""
    try:
        known = json.loads(tags.get(SOURCE, ""))
        return source_difference(known, trial.fingerprint)
    except (ValueError, KeyError, TypeError, AttributeError):  # an earlier release, or a tag changed by hand
        return ""


def _refusal(name: str, champion: int | None, tags: Mapping[str, str], reason: str) -> str:
    dataset = f" ({tags['dataset']})" if "dataset" in tags else ""
    return (
        f"these purchases are not those of its champion, version {champion}{dataset}: {reason}. Give the"
        " experiment another name, or the registered model (--set tracking.registered_model=NAME); the model"
        f" is in its MLflow run, and clvml.tracking.register adds it to {name} nevertheless"
    )


def _registered(
    client: Any, model_uri: str, name: str, tags: Mapping[str, Any], uri: str, resume: bool
) -> int:
    """Register the next version, with its tags, as the challenger; or that of an interrupted attempt."""
    import mlflow

    first = {"status": NOT_JUDGED, "why": "its run ended before it was judged"}  # MLflow lists them first
    text = {key: str(value) for key, value in {**first, **tags}.items()}
    known = client.search_model_versions(named(name)) if resume else []
    made = next((version for version in known if version.source == model_uri), None)
    if made is not None and (made.tags.get("status") != NOT_JUDGED or _has_champion(client, name, made)):
        return int(made.version)
    with _one_writer(uri):
        if made is None:
            with without_prints():
                made = mlflow.register_model(model_uri, name, tags=text)
        client.set_registered_model_alias(name, CHALLENGER, str(made.version))
    describe(client, name, int(made.version))
    return int(made.version)


def _has_champion(client: Any, name: str, version: Any) -> bool:
    return seats_of(client.get_registered_model(name)).champion == int(version.version)


def _one_writer(uri: str) -> AbstractContextManager[None]:
    database = database_of(uri)
    return nullcontext() if database is None else _alone(database)


def _provenance(trial: Trial | None) -> dict[str, str]:
    """What the version was trained on, in tags."""
    if trial is None:
        return {}
    months = dict(sorted(trial.fingerprint["months"].items())[-_MONTHS:])
    source = json.dumps({**trial.fingerprint, "months": months}, separators=(",", ":"))
    return {
        "fitted_from": str(trial.fingerprint["from"]),
        "fitted_until": trial.observed_until,
        "warranty_until": trial.warranty_until,
        SOURCE: source,
    }


def _tag_judgement(
    client: Any, name: str, number: int, incumbent: int | None, found: Judgement, trial: Trial | None
) -> None:
    tags = {}
    if found.decision is not None and trial is not None and math.isfinite(found.decision.difference):
        point, lower, upper = found.decision.difference, found.decision.lower, found.decision.upper
        tags = {
            "judged_against": f"version {incumbent}, {found.incumbent}",
            "judged_on": trial.holdout,
            "score_diff": f"{point:+.3f} ({lower:+.3f} to {upper:+.3f})",
        }
    for key, value in tags.items():
        client.set_model_version_tag(name, str(number), key, value)


def _seats_if_any(client: Any, name: str) -> Seats:
    import mlflow

    try:
        return seats_of(client.get_registered_model(name))
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return Seats(None, None, ())
