"""The lake's crawler and Glue jobs: messages to readings, readings to series."""

from __future__ import annotations

from contracts.names import BUILD_SERIES, TELEMETRY_TO_PARQUET, Names
from infra.modules.core.policy import Statement
from infra.modules.machines.polling import Polling
from infra.modules.machines.states_language import (
    FAILURE,
    Call,
    Part,
    State,
    assignment,
    choice,
    expression,
    failure,
    task,
    wait,
)

_POLLING = Polling("polls", first=5, longest=60, hours=2)


def crawl(names: Names, *, then: str) -> Part:
    """Starts the crawler, which finds new partitions of raw for Athena, and waits for its end."""
    last = "$states.result.Crawler.LastCrawl"
    why = f"$exists({last}.ErrorMessage) ? {last}.ErrorMessage : 'the crawler gave no reason'"
    return Part(
        "Start crawl",
        {
            "Start crawl": assignment("Crawl", {_POLLING.counter: 0}),
            "Crawl": task(
                "Crawl",
                _crawler(names, "startCrawler"),
                then="Crawling",
                catch={"Glue.CrawlerRunningException": "Crawling"},
            ),
            "Crawling": wait(expression(_POLLING.seconds), "Crawled", **_POLLING.count),
            "Crawled": task(
                "Crawl",
                _crawler(names, "getCrawler"),
                assign={
                    "crawler": "$states.result.Crawler.State",
                    "crawl": f"$exists({last}.Status) ? {last}.Status : 'NONE'",
                    "cause": why,
                    "step": "'Crawl'",
                    "log": "'/aws-glue/crawlers'",
                    "error": "'CrawlFailed'",
                },
                then="Did the crawl succeed",
            ),
            "Did the crawl succeed": choice(
                then,
                (f"$crawler != 'READY' and {_POLLING.is_over}", "Crawl takes too long"),
                ("$crawler != 'READY'", "Crawling"),
                ("$crawl = 'FAILED'", FAILURE),
            ),
            "Crawl takes too long": failure(
                "Crawl", f"'the crawler {names.crawler} still runs after {_POLLING.hours} hours'"
            ),
        },
    )


def series_of_arrivals(names: Names, *, start: str, end: str, then: str) -> Part:
    """Returns the states ``Readings`` and ``Series``.

    Parameters
    ----------
    start, end
        JSONata of the window of arrival; messages that were read before are not duplicated.
    """
    window = {"--start": expression(start), "--end": expression(end)}
    return Part(
        "Readings",
        {
            "Readings": _job(names, "Readings", TELEMETRY_TO_PARQUET, window, then="Series"),
            "Series": _job(names, "Series", BUILD_SERIES, {}, then=then),
        },
    )


def _job(names: Names, step: str, job: str, arguments: dict[str, str], *, then: str) -> State:
    arn = names.arn("glue", f"job/{names.job(job)}")
    call = Call(
        "glue:startJobRun.sync",
        {"JobName": names.job(job), "Arguments": arguments},
        (
            Statement(
                f"Run{step}",
                ("glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"),
                (arn,),
            ),
        ),
    )
    return task(
        step,
        call,
        then=then,
        busy=("Glue.ConcurrentRunsExceededException",),
        log=names.log_groups.jobs_error,
    )


def _crawler(names: Names, operation: str) -> Call:
    arn = names.arn("glue", f"crawler/{names.crawler}")
    verb = operation[0].upper() + operation[1:]
    return Call(
        f"aws-sdk:glue:{operation}",
        {"Name": names.crawler},
        (Statement("RunCrawler", (f"glue:{verb}",), (arn,)),),
    )
