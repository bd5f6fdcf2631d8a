"""Assembles, starts and stops the Glue service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from localcloud.cloud.aws_api import AwsError, Handler, JsonApi, Response
from localcloud.cloud.context import CloudContext
from localcloud.cloud.store import Store
from localcloud.services.glue import members, tables
from localcloud.services.glue.account import Account
from localcloud.services.glue.crawlers.crawlers import Crawlers
from localcloud.services.glue.data_quality import DataQuality
from localcloud.services.glue.definitions import Definitions
from localcloud.services.glue.partitions import Partitions
from localcloud.services.glue.runs.job_runs import JobRuns
from localcloud.services.glue.tables import Tables


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
        self._account_id = context.account_id
        account = Account(context)
        self._store = Store(home / "state.db")
        self._runs = JobRuns(account, self._store, home / "runs")
        self._crawlers = Crawlers(account)
        definitions = Definitions(self._runs)
        self._api = JsonApi(
            "glue",
            (
                self._runs,
                self._crawlers,
                definitions,
                DataQuality(self._store),
                Partitions(),
                Tables(),
            ),
            fallback=tables.forward,
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"glue": self._handle}

    async def _handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
    ) -> Response:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            members.check(operation, json.loads(body or b"{}"), self._account_id)
            return await self._api(method, path, headers, body, query_params)
        except AwsError as error:
            return error.response()

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
