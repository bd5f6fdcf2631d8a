"""What the state machine ``retrain`` does, in Amazon States Language.

Lake to series, series to a candidate, its forecasts and the champion's from the same origins, the
verdict, and a version in the registry. Names of jobs begin with the run's; a run that is resumed
takes the jobs that completed and does the others under new names, so nothing is done twice.

Whatever fails leads to `_failure`: the lock goes, a person is told, the execution fails.
The query language is JSONata; what one state finds, later ones read as variables.
"""

from __future__ import annotations

from contracts.lake import CHANNELS, EVALUATIONS
from contracts.names import Names
from contracts.releases import newest_approved
from contracts.training_metrics import algorithm_specification
from infra.modules.glue_tasks import series_of_arrivals
from infra.modules.lock_tasks import TAKEN, release, take
from infra.modules.retrain_jobs import RetrainInputs, judging, origins, training, transform
from infra.modules.retrain_registration import approval, registration
from infra.modules.states_language import (
    FAILURE,
    State,
    choice,
    expression,
    only,
    reason,
    task,
)

RUN_LENGTH = 20
"""Characters of the longest execution name that a run is called by as it is."""

LOCK_HOURS = 7 * 24
"""No run takes so long: then the lock is of no effect, whatever its execution does."""

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
            **_begin(inputs),
            **_lock(inputs.names),
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


def _begin(inputs: RetrainInputs) -> dict[str, State]:
    execution = "$states.context.Execution"
    now = f"$toMillis({execution}.StartTime)"
    days = inputs.retraining.arrival_days
    short = (
        f"$fromMillis({now}, '[Y0001][M01][D01]-[H01][m01][s01]') & '-' & "
        f"$substring($hash({execution}.Name, 'SHA-256'), 0, 4)"
    )
    given = "$states.input"

    def or_else(member: str, otherwise: str) -> str:
        return expression(f"$exists({given}.{member}) ? {given}.{member} : {otherwise}")

    return {
        "Settings": {
            "Type": "Pass",
            "Comment": "What the settings say, where the input says nothing else",
            "Assign": {
                "images": dict(inputs.images),
                "specifications": {
                    algorithm: algorithm_specification(algorithm, image)
                    for algorithm, image in inputs.images.items()
                },
                "settings": {
                    "boosting": inputs.training.boosting,
                    "deepar": inputs.training.deepar,
                },
                "algorithm": or_else("algorithm", f"'{inputs.training.algorithm}'"),
                "reason": or_else("reason", "'by hand'"),
                "commit": or_else("commit", "'unknown'"),
                "etl": or_else("etl", "true"),
                "start": or_else("window.start", f"$fromMillis({now} - {days} * 24 * 3600 * 1000)"),
                "end": or_else("window.end", f"$fromMillis({now} + 3600 * 1000)"),
                "run": or_else(
                    "resume",
                    f"$length({execution}.Name) <= {RUN_LENGTH} ? {execution}.Name : {short}",
                ),
                # of this execution, so that what a resumed run does again has another name
                "attempt": expression(f"$substring($hash({execution}.Name, 'SHA-256'), 0, 4)"),
            },
            "Output": expression(given),
            "Next": "Algorithm",
        },
        "Algorithm": {
            "Type": "Pass",
            "Assign": {
                "image": expression("$lookup($images, $algorithm)"),
                "hyperparameters": expression(
                    f"$merge([$lookup($settings, $algorithm), {given}.hyperparameters])"
                ),
                "place": expression(f"'{EVALUATIONS.uri(inputs.names)}' & $run & '/'"),
            },
            "Output": {},
            "Next": "Lock",
        },
    }


def _lock(names: Names) -> dict[str, State]:
    """One execution at a time. A lock whose execution has ended without releasing it goes."""
    what = names.retrain_machine
    key = {"TableName": names.locks_table, "Key": {"name": {"S": what}}}
    item = "$states.result.Item"
    return {
        "Lock": take(
            names, what, hours=LOCK_HOURS, then="Newest approved version", busy="Who holds it"
        ),
        "Who holds it": task(
            "Lock",
            "dynamodb:getItem",
            {**key, "ConsistentRead": True},
            assign={"holder": f"$exists({item}) ? {item}.execution.S : ''"},
            then="Is it free by now",
        ),
        "Is it free by now": choice("The holder", ("$holder = ''", "Lock")),
        "The holder": task(
            "Lock",
            "aws-sdk:sfn:describeExecution",
            {"ExecutionArn": expression("$holder")},
            assign={"holding": "$states.result.Status"},
            then="Does the holder run",
            catch={"Sfn.ExecutionDoesNotExistException": "Remove its lock"},
        ),
        "Does the holder run": choice("Remove its lock", ("$holding = 'RUNNING'", "Busy")),
        "Remove its lock": task(
            "Lock",
            "dynamodb:deleteItem",
            {
                **key,
                "ConditionExpression": "execution = :holder",
                "ExpressionAttributeValues": {":holder": {"S": expression("$holder")}},
            },
            then="Lock",
            catch={TAKEN: "Lock"},
        ),
        "Busy": {
            "Type": "Fail",
            "Error": "RetrainingUnderWay",
            "Cause": expression("'one run at a time; this one is under way: ' & $holder"),
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
