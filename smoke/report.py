"""The report of a smoke test: a JSON document that can be committed.

It holds no account number, no key and no host name of the account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.errors import LakecastError
from contracts.times import utc_time

OK, FAILED, SKIPPED = "ok", "failed", "skipped"
VERDICTS = (OK, FAILED, SKIPPED)
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
HERE = "local"
"""Environment of the local cloud."""


class ReportError(LakecastError):
    """A report cannot be read."""


@dataclass(frozen=True)
class HopResult:
    """The result of a hop.

    Parameters
    ----------
    name
        Name of the hop, which the verification status refers to.
    seconds
        Duration, wall clock.
    usd
        Estimated cost.
    figures
        Measured values by name.
    where
        Place to look at after a failure; empty otherwise.
    """

    name: str
    title: str
    verdict: str
    seconds: float
    usd: float
    expected: str
    found: str
    figures: Mapping[str, float] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True)
class Report:
    """The report of a run.

    Parameters
    ----------
    endpoints
        Host names of the services that were called.
    removed
        Whether everything that the run created was removed.
    prices
        Region and date of the prices behind the estimates.
    unpriced
        Units without a price.
    """

    environment: str
    region: str
    run: str
    commit: str
    started: datetime
    seconds: float
    endpoints: tuple[str, ...]
    hops: tuple[HopResult, ...]
    removed: bool
    prices: str
    unpriced: tuple[str, ...] = ()

    @property
    def on_aws(self) -> bool:
        """Whether all calls went to AWS: neither a flag nor the environment's name decides this."""
        return (
            self.environment != HERE
            and bool(self.endpoints)
            and all(host.split(":")[0].endswith(AWS_DOMAINS) for host in self.endpoints)
        )

    @property
    def usd(self) -> float:
        return sum(hop.usd for hop in self.hops)

    @property
    def passed(self) -> bool:
        """Whether no hop failed and nothing was left behind."""
        return self.removed and all(hop.verdict != FAILED for hop in self.hops)

    def hop(self, name: str) -> HopResult | None:
        """Returns a hop by its name."""
        return next((hop for hop in self.hops if hop.name == name), None)

    def to_json(self) -> str:
        document = asdict(self) | {"started": self.started.isoformat()}
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Reads a report.

        Raises
        ------
        ReportError
            The text is no report; the message says why.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            found["started"] = utc_time(found["started"], "started")
            found["hops"] = tuple(HopResult(**hop) for hop in found["hops"])
            report = cls(**found | {n: tuple(found[n]) for n in ("endpoints", "unpriced")})
        except (KeyError, TypeError, ValueError) as error:
            raise ReportError(
                f"expected a report of `make smoke`; got {type(error).__name__}: {error}"
            ) from None
        for hop in report.hops:
            if hop.verdict not in VERDICTS:
                raise ReportError(
                    f"hop {hop.name}: expected a verdict of {', '.join(VERDICTS)}; "
                    f"got {hop.verdict!r}"
                )
        return report

    @classmethod
    def read(cls, path: Path) -> Report:
        """Reads a file.

        Raises
        ------
        ReportError
            The file does not exist or is no report.
        """
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ReportError(f"{path}: {error}; run `make smoke` first") from None
        except ReportError as error:
            raise ReportError(f"{path}: {error}") from None
