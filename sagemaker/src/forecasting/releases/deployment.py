"""Deploys production variants: pins them as a release and follows the rollout."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.models import releases
from contracts.models.releases import Release, ReleaseError
from contracts.names import Names
from contracts.settings.schema import Endpoint, Settings
from forecasting.errors import ForecastingError
from forecasting.releases import documents, registry, servable, serving
from forecasting.releases.rollout import Rollout

DEFAULT_VARIANT = releases.CHAMPION


@dataclass(frozen=True)
class Variant:
    """A production variant as a user requests it.

    Parameters
    ----------
    model
        A training job, an algorithm (its newest completed job), or a version in the registry,
        such as ``v3``.
    weight
        Share of the traffic, relative to the other variants' weights.
    """

    name: str
    model: str
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Parses ``NAME=MODEL`` or ``NAME=MODEL:WEIGHT``.

        Raises
        ------
        ForecastingError
            The text has another form, or the weight is not a number of at least 0.
        """
        name, equals, rest = text.partition("=")
        model, _, weight = rest.partition(":")
        try:
            share = float(weight or 1)
        except ValueError:
            share = -1.0
        if not name or not equals or not model or not share >= 0:
            raise ForecastingError(
                f"a variant is NAME=MODEL:WEIGHT with a weight from 0; got {text!r}"
            )
        return cls(name, model, share)


@dataclass(frozen=True)
class Deployed:
    """A release that the endpoint serves, and whether the endpoint already served it."""

    release: Release
    was_there: bool


def deploy(
    session: Any,
    names: Names,
    settings: Settings,
    variants: Sequence[Variant],
    *,
    report: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Deployed:
    """Pins the variants as the release, and follows the rollout until the endpoint serves them.

    The operation is idempotent. If it is interrupted, the rollout continues, and a repeated call
    follows it again.

    Raises
    ------
    ForecastingError
        A model does not exist, is rejected or has other categories than the lake, the rollout
        fails, or the endpoint serves something else afterwards.
    """
    release = _release(session, names, settings.of(names.workload).endpoint, variants)
    rollout = Rollout(session, names, sleep)
    if not _is_pinned(session, names, release):
        documents.write(session, names, release)
    was_there = not serving.difference(session, names, release)
    rollout.start()
    rollout.follow(report)
    difference = serving.difference(session, names, release)
    if difference:
        raise ForecastingError(
            f"endpoint {names.endpoint} was to serve {release.configuration}; {difference}. "
            "Another release or a newer approved version may have replaced it meanwhile: see "
            f"`make models` (log: /aws/sagemaker/Endpoints/{names.endpoint})"
        )
    return Deployed(release, was_there)


def _release(
    session: Any, names: Names, endpoint: Endpoint, variants: Sequence[Variant]
) -> Release:
    found = [servable.find(session, names, one.model) for one in variants]
    for one in found:
        servable.check_categories(session.client("s3"), names, one)
    try:
        return releases.of_variants(
            names,
            [
                {"name": variant.name, "weight": variant.weight, **one.members()}
                for variant, one in zip(variants, found, strict=True)
            ],
            instance_type=endpoint.instance_type,
            instance_count=endpoint.initial_instance_count,
            newest_approved=registry.newest_approved(session, names),
            written_at=datetime.now(UTC).isoformat(),
        )
    except ReleaseError as error:
        raise ForecastingError(str(error)) from None


def _is_pinned(session: Any, names: Names, release: Release) -> bool:
    """Returns whether the release is pinned already; an unreadable item counts as different."""
    try:
        pinned = documents.read(session, names)
    except ForecastingError:
        return False
    return pinned is not None and pinned.states_the_same(release)
