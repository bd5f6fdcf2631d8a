"""Assembles, starts and stops the Glue service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ministack.services import glue as ministack_glue

from localcloud.cloud.aws_api import Handler, JsonApi
from localcloud.cloud.context import CloudContext
from localcloud.cloud.store import Store
from localcloud.services.glue.account import Account
from localcloud.services.glue.crawlers.crawlers import Crawlers
from localcloud.services.glue.data_quality import DataQuality
from localcloud.services.glue.definitions import Definitions
from localcloud.services.glue.runs.job_runs import JobRuns


class Glue:
    """Glue service that handles runs, crawls and definitions and forwards the rest to ministack.

    Parameters
    ----------
    context
        Local cloud that Glue runs in; its state is stored in ``<home>/glue``.
    """

    def __init__(self, context: CloudContext) -> None:
        home = context.home / "glue"
        home.mkdir(parents=True, exist_ok=True)
        account = Account(context)
        self._store = Store(home / "state.db")
        self._runs = JobRuns(account, self._store, home / "runs")
        self._crawlers = Crawlers(account)
        definitions = Definitions(self._runs)
        self._api = JsonApi(
            "glue",
            (self._runs, self._crawlers, definitions, DataQuality(self._store)),
            fallback=ministack_glue.handle_request,
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"glue": self._api}

    async def start(self) -> None:
        """Fails the runs and crawls that the last stop or crash interrupted."""
        await asyncio.to_thread(self._runs.start)
        await asyncio.to_thread(self._crawlers.start)

    async def stop(self) -> None:
        """Stops all runs and crawls."""
        await asyncio.gather(
            asyncio.to_thread(self._runs.close), asyncio.to_thread(self._crawlers.close)
        )
        self._store.close()
