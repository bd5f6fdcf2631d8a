"""What the state machine ``retrain`` does, in Amazon States Language.

Lake to series, series to a candidate, its forecasts and the champion's from the same origins, the
verdict, and a version in the registry. Names of jobs begin with the run's; a run that is resumed
takes the jobs that completed and does the others under new names, so nothing is done twice.

Whatever fails leads to `_failure`: the lock goes, a person is told, the execution fails.
The query language is JSONata; what one state finds, later ones read as variables.
"""

from __future__ import annotations

from contracts.lake.locations import CHANNELS
from contracts.models.releases import newest_approved
from contracts.names import Names
from infra.modules.machines.glue_tasks import series_of_arrivals
from infra.modules.machines.lock_tasks import release
from infra.modules.machines.retrain.jobs import RetrainInputs, judging, origins, training, transform
from infra.modules.machines.retrain.registration import approval, registration
from infra.modules.machines.retrain.start import begin, lock
from infra.modules.machines.states_language import (
    FAILURE,
    State,
    choice,
    expression,
    only,
    reason,
    task,
)

POLL_SECONDS = 5


def definition(inputs: RetrainInputs) -> State:
    """The machine.

    Its input is an object whose every member may be left out: ``algorithm``, ``hyperparameters``
    (over the settings'), ``window`` with ``start`` and ``end`` of arrival, ``etl`` (false takes the
    channels as they are), ``commit``, ``reason``, ``resume`` with the name of a run that failed.
    """
    return {
        "Comment": "Makes a new version of the model of what is in the lake, and judges it",
        "QueryLanguage": "JSONata",
        "StartAt": "Settings",
        "States": {
            **begin(inputs),
            **lock(inputs.names, then="Newest approved version"),
            **_champion(inputs.names),
            **origins(inputs, otherwise="Is there news", then="Find train"),
            **_lake(inputs),
            **training(inputs, then="Forecast"),
            **_forecast(inputs),
            **judging(inputs, then="Register"),
            **registration(inputs, then="Unlock"),
            **_end(inputs),
            **_failure(inputs.names),
        },
    }


def _champion(names: Names) -> dict[str, State]:
    """The newest approved version, as what a candidate has to be no worse than."""
    found = "$states.result.ModelPackageSummaryList[0].ModelPackageArn"
    kept = "$states.result.CustomerMetadataProperties"
    return {
        "Newest approved version": task(
            "Champion",
            "aws-sdk:sagemaker:listModelPackages",
            newest_approved(names),
            assign={
                "champion": f"$exists({found}) ? {found} : ''",
                "champion_categories": f"'{CHANNELS.uri(names)}categories.json'",
                "champion_data_end": "''",
            },
            then="Is there a champion",
        ),
        "Is there a champion": choice("Find origins", ("$champion != ''", "Champion")),
        "Champion": task(
            "Champion",
            "aws-sdk:sagemaker:describeModelPackage",
            {"ModelPackageName": expression("$champion")},
            assign={
                # versions that somebody else registered may say less of themselves
                "champion_categories": f"$exists({kept}.categories) ? {kept}.categories : "
                "$champion_categories",
                "champion_data_end": f"$exists({kept}.data_end) ? {kept}.data_end : ''",
            },
            then="Find origins",
        ),
    }


def _lake(inputs: RetrainInputs) -> dict[str, State]:
    """Crawl raw for Athena; raw to readings; readings to series and channels."""
    names = inputs.names
    last = "$states.result.Crawler.LastCrawl"
    why = f"$exists({last}.ErrorMessage) ? {last}.ErrorMessage : 'the crawler gave no reason'"

    return {
        "Is there news": choice("Origins", ("$etl", "Crawl")),
        "Crawl": task(
            "Crawl",
            "aws-sdk:glue:startCrawler",
            {"Name": names.crawler},
            then="Crawling",
            catch={"Glue.CrawlerRunningException": "Crawling"},
        ),
        "Crawling": {"Type": "Wait", "Seconds": POLL_SECONDS, "Next": "Crawled"},
        "Crawled": task(
            "Crawl",
            "aws-sdk:glue:getCrawler",
            {"Name": names.crawler},
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
            "Readings",
            ("$crawler != 'READY'", "Crawling"),
            ("$crawl = 'FAILED'", FAILURE),
        ),
        **series_of_arrivals(names, start="$start", end="$end", then="Origins"),
    }


def _forecast(inputs: RetrainInputs) -> dict[str, State]:
    """Both models forecast at the same time; the champion where there is one to compare with.

    A champion that fails to, as when its image is gone, must not keep the model from ever being
    retrained: then the candidate is judged without it, and a person decides.
    """
    champion = transform(inputs, "champion")
    given_up = "No forecasts champion"
    caught = {
        "ErrorEquals": ["States.ALL"],
        "Output": {
            "failure": expression(reason("$states.errorOutput.Cause", "$states.errorOutput.Error"))
        },
        "Next": given_up,
    }
    states = {
        "Is there one to compare with": choice(
            "Forecasts champion", ("$origins.champion != ''", champion["StartAt"])
        ),
        **{
            name: {**state, "Catch": [caught]} if state["Type"] == "Task" else state
            for name, state in champion["States"].items()
        },
        given_up: {"Type": "Pass", "End": True},
    }
    return {
        "Forecast": {
            "Type": "Parallel",
            "Branches": [
                transform(inputs, "candidate"),
                {"StartAt": "Is there one to compare with", "States": states},
            ],
            "Catch": [only("Forecast", "/aws/sagemaker/TransformJobs")],
            "Next": "Forecasts",
        },
        "Forecasts": {
            "Type": "Pass",
            "Assign": {"champion_failure": expression("$states.input[1].failure")},
            "Output": {},
            "Next": "Find judge",
        },
    }


def _end(inputs: RetrainInputs) -> dict[str, State]:
    names = inputs.names
    return {
        "Unlock": release(names, names.retrain_machine, then="Done"),
        "Done": {
            "Type": "Pass",
            "Output": expression(
                "$merge([$verdict, {'run': $run, 'package': $package, "
                f"'approval': {approval(inputs)}, 'report': $place & 'report/'}}])"
            ),
            "End": True,
        },
    }


def _failure(names: Names) -> dict[str, State]:
    """The lock goes, a person is told, the execution fails."""
    mended = f"make retrain ENV={names.environment} RESUME="
    message = [
        f"'Run ' & $run & ' of {names.retrain_machine} failed at the step ' & $step & '.'",
        "'Why: ' & $why",
        "'Log: ' & $log",
        "'The model that is live is as it was.'",
        f"'When the cause is mended: {mended}' & $run & ' (what completed is not done again).'",
        "'What to do: docs/runbooks/models.md. Execution: ' & $states.context.Execution.Id",
    ]
    return {
        FAILURE: {
            "Type": "Pass",
            "Assign": {"why": expression(reason("$cause", "$error"))},
            "Output": {},
            "Next": "Unlock the failed run",
        },
        "Unlock the failed run": release(
            names, names.retrain_machine, then="Tell", whatever_comes=True
        ),
        "Tell": task(
            "Tell",
            "sns:publish",
            {
                "TopicArn": names.alarm_topic_arn,
                "Subject": expression(f"'{names.retrain_machine} failed at ' & $step"),
                "Message": expression(f"$join([{', '.join(message)}], '\\n')"),
            },
            then="Failed",
            catch={"States.ALL": "Failed"},
        ),
        "Failed": {
            "Type": "Fail",
            "Error": "RetrainingFailed",
            "Cause": expression(
                "'run ' & $run & ' failed at the step ' & $step & ': ' & $why & ' (log: ' & $log & "
                f"'); when it is mended: {mended}' & $run"
            ),
        },
    }
