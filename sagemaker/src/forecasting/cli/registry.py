"""Implements ``list``, ``approve`` and ``reject`` for versions in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.names import Names
from forecasting.cli.tables import print_whole
from forecasting.errors import ForecastingError
from forecasting.releases import documents, registry, servable, serving
from forecasting.releases.registry import APPROVED, PENDING, REJECTED, Version
from forecasting.releases.rollout import Rollout
from forecasting.releases.serving import Served

NEWEST = 20
"""Number of versions that are listed."""
_COLOURS = {APPROVED: "green", PENDING: "yellow", REJECTED: "red"}
_FIGURES = (
    ("wQL", "wql"),
    ("champion's", "wql_champion"),
    ("persistence's", "wql_persistence"),
    ("in 80 % band", "coverage_80"),
)
_NOTHING = "–"


def models(session: Any, names: Names, number: int | None, console: Console) -> None:
    """Lists the versions and the served variants, or shows one version."""
    if number is None:
        _list(session, names, console)
    else:
        show(registry.version(session, names, number), console)


def approve(session: Any, names: Names, number: int, reason: str, console: Console) -> None:
    """Approves a version and follows its rollout; repeats a rollout that failed.

    The approval of any version ends the release that `deploy` has pinned.

    Raises
    ------
    ForecastingError
        The version does not exist, the lake's categories are no longer those it was trained with,
        or the rollout fails.
    """
    version = registry.version(session, names, number)
    servable.check_categories(session.client("s3"), names, servable.of_version(names, version))
    rollout = Rollout(session, names)
    documents.remove(session, names)
    if version.status == APPROVED:
        console.print(f"version {number} is approved already")
        rollout.start()
    else:
        registry.judge(session, version, APPROVED, reason)
        console.print(f"version {number} is approved")
    variants = _follow(session, names, rollout, console)
    if not any(version.is_served_as(names, one.model) for one in variants):
        raise ForecastingError(
            f"version {number} is not served, as a newer one is approved, too: reject that to go "
            "back"
        )


def reject(session: Any, names: Names, number: int, reason: str, console: Console) -> None:
    """Rejects a version and, if it is the live one, follows the rollback to the one before it.

    A repeated rejection follows a rollout in progress, or repeats one that failed.

    Raises
    ------
    ForecastingError
        The version does not exist, the reason is empty, or the rollout fails.
    """
    if not reason.strip():
        raise ForecastingError("say why: make reject VERSION=… REASON='…'")
    version = registry.version(session, names, number)
    rollout = Rollout(session, names)
    if version.status == REJECTED:
        known = f"version {number} is rejected already: {version.reason}"
        console.print(known, soft_wrap=True, markup=False)
        rollout.start(rejected=number)
    else:
        registry.judge(session, version, REJECTED, reason)
        console.print(f"version {number} is rejected")
    _follow(session, names, rollout, console)


def _follow(session: Any, names: Names, rollout: Rollout, console: Console) -> list[Served]:
    with console.status("rollout") as status:
        rollout.follow(lambda now: status.update(f"endpoint {names.endpoint}: {now}"))
    variants = serving.served(session, names)
    shares = ", ".join(f"{one.model} ({one.share:.0%} of traffic)" for one in variants)
    console.print(f"endpoint {names.endpoint} serves {shares or 'nothing'}", soft_wrap=True)
    return variants


def _list(session: Any, names: Names, console: Console) -> None:
    found = registry.versions(session, names, NEWEST)
    variants = serving.served(session, names)
    if found:
        print_whole(table(names, found, variants), console)
    else:
        console.print(f"no version of {names.model_package_group} yet")
    for variant in variants:
        if not any(one.is_served_as(names, variant.model) for one in found):
            console.print(
                f"▸ {variant.share:.0%} {variant.model}, which is none of these versions",
                soft_wrap=True,
            )
    pinned = documents.read(session, names)
    if pinned is not None:
        shares = ", ".join(f"{one.name} ({one.model})" for one in pinned.variants)
        console.print(f"pinned by `make deploy` until the next approval: {shares}", soft_wrap=True)
    status = serving.endpoint_status(session, names)
    if status != "InService":
        console.print(f"endpoint {names.endpoint} is {status}")
    console.print(f"next: {_following(found)}")


def table(names: Names, versions: Sequence[Version], variants: Sequence[Served]) -> Table:
    """Builds a table with a row per version; those in service show their share of the traffic."""
    made = Table("", "version", "status", "algorithm", "data", box=None, pad_edge=False)
    for title, _ in _FIGURES:
        made.add_column(title, justify="right")
    made.add_column("commit")
    made.add_column("created")
    for one in versions:
        share = sum(each.share for each in variants if one.is_served_as(names, each.model))
        status = one.status.replace("PendingManualApproval", "pending").lower()
        known = one.metadata
        made.add_row(
            f"▸ {share:.0%}" if share else "",
            str(one.number),
            f"[{_COLOURS[one.status]}]{status}[/]",
            known.get("algorithm", _NOTHING),
            " – ".join(known[key][:10] for key in ("data_start", "data_end") if key in known),
            *(_figure(known.get(key, "")) for _, key in _FIGURES),
            known.get("commit", _NOTHING)[:9],
            f"{one.created:%Y-%m-%d %H:%M}",
        )
    return made


def _following(versions: Sequence[Version]) -> str:
    if not versions:
        return "make retrain"
    pending = [one.number for one in versions if one.status == PENDING]
    if pending:
        return f"make models VERSION={pending[0]}, then make approve VERSION={pending[0]}"
    return f"make models VERSION={versions[0].number}"


def show(version: Version, console: Console) -> None:
    """Prints all details of a version."""
    rows = Table(show_header=False, box=None, pad_edge=False)
    known = {
        "version": str(version.number),
        "status": version.status,
        "judgement": version.reason.replace("; ", "\n") or _NOTHING,
        **version.metadata,
    }
    for key, value in known.items():
        rows.add_row(key.replace("_", " "), Text(value))
    console.print(rows)


def _figure(text: str) -> str:
    try:
        return f"{float(text):.3f}"
    except ValueError:  # for example without a champion
        return _NOTHING
