"""What holds of a job on any engine: begun once, believed when all is reported, never left running."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from resources.compute.emr import EmrEngine
from resources.compute.emr_settings import EmrSettings
from resources.compute.engine import JobRequest, Submitted
from resources.compute.job_run import Terms
from resources.compute.pace import Pace
from resources.errors import EngineError, EngineUnavailable
from spark.errors import ReferenceRefused
from spark.job_spec import JobSpec
from spark.reports import failure_payload, refine_payloads
from tests.resources.compute.conftest import OWN, QUICK, SHARED, Emr
from tests.resources.compute.jobs import HOURS, refine_of, report_of, well
from tests.servers.emr_steps import Telling


def wait_for(condition: object, seconds: float = 20.0) -> None:
    """Wait until something that another thread does has happened."""
    assert callable(condition)
    over = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        over.wait(0.02)
    raise AssertionError("it did not happen")


def until_killed(_: JobSpec, tell: Telling, killed: threading.Event) -> int:
    tell.log("started")
    killed.wait(30)
    return 0


# --- It is believed when all is reported ---


def test_a_job_that_reports_every_partition_is_done(emr: Emr) -> None:
    compute = emr.compute()

    report = compute.refine(refine_of())

    assert report == report_of(refine_of())
    assert [step.state for step in emr.server.steps] == ["COMPLETED"]
    assert compute.figures is not None
    assert compute.figures.usage is not None
    assert set(compute.figures.usage.instance_hours) == {"m5.xlarge"}


def test_the_log_of_the_job_is_in_the_log_of_the_run(
    emr: Emr, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        emr.compute().refine(refine_of())

    assert "refining" in caplog.messages


def test_a_success_that_reports_fewer_partitions_is_a_failure_that_names_them(emr: Emr) -> None:
    def forgetful(job: JobSpec, tell: Telling, _: threading.Event) -> int:
        assert job.refine is not None
        for payload in list(refine_payloads(report_of(job.refine)))[1:]:
            tell.payload(payload)
        return 0

    emr.program = forgetful

    with pytest.raises(EngineError, match=f"missing: {HOURS[0]}"):
        emr.compute().refine(refine_of())


def test_the_same_figures_twice_are_one_report(emr: Emr) -> None:
    emr.program = lambda *given: well(*given) + well(*given)

    assert emr.compute().refine(refine_of()) == report_of(refine_of())


def test_different_figures_of_one_partition_are_refused(emr: Emr) -> None:
    def twice(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        assert job.refine is not None
        found = report_of(job.refine)
        other = replace(found, partitions=(replace(found.partitions[0], directory="elsewhere"),))
        for payload in [*refine_payloads(found), *refine_payloads(other)]:
            tell.payload(payload)
        return 0

    emr.program = twice

    with pytest.raises(EngineError, match="found two that differ"):
        emr.compute().refine(refine_of())


def test_figures_of_another_attempt_are_refused(emr: Emr) -> None:
    def stranger(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        return well(replace(job, refine=refine_of(attempt="another")), tell, killed)

    emr.program = stranger

    with pytest.raises(EngineError, match="attempts that reported their end: another"):
        emr.compute().refine(refine_of())


# --- What a failure says ---


def test_a_failure_has_the_words_of_the_job_and_the_end_of_its_log(emr: Emr) -> None:
    def failing(_: JobSpec, tell: Telling, __: threading.Event) -> int:
        tell.payload(failure_payload(ReferenceRefused("key 7 in 2 rows")))
        raise ReferenceRefused("key 7 in 2 rows")

    emr.program = failing

    with pytest.raises(EngineError) as caught:
        emr.compute().refine(refine_of())

    assert not caught.value.retryable
    assert "It said: ReferenceRefused: key 7 in 2 rows" in str(caught.value)
    assert "The end of its log:\nTraceback\nReferenceRefused: key 7" in str(caught.value)
    assert "console.aws.amazon.com/emr" in str(caught.value)


def test_a_job_without_a_log_fails_in_its_own_words(emr: Emr) -> None:
    emr.server.has_logs = False
    emr.program = lambda *_: 1

    with pytest.raises(EngineError, match=r"FAILED; Unknown Error.*It left no log"):
        emr.compute().refine(refine_of())


def test_a_step_that_fails_on_a_cluster_that_goes_on_is_a_failure(emr: Emr) -> None:
    emr.program = lambda *_: 1

    with pytest.raises(EngineError, match="failed"):
        emr.compute(engine=emr.engine(SHARED)).refine(refine_of())

    assert [each.is_alive for each in emr.server.clusters.values()] == [True]


def test_a_cluster_that_ends_while_the_step_runs_is_a_failure_with_its_reason(emr: Emr) -> None:
    def program(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        for each in emr.server.clusters:
            emr.server.end_cluster(
                each, "TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", "All slaves were lost"
            )
        return until_killed(job, tell, killed)

    emr.program = program

    with pytest.raises(EngineError, match="INSTANCE_FAILURE; All slaves were lost"):
        emr.compute(engine=emr.engine(SHARED)).refine(refine_of())


def test_a_job_that_never_gets_to_start_is_ended(emr: Emr) -> None:
    def starved(_: JobSpec, __: Telling, killed: threading.Event) -> int:
        killed.wait(30)
        return 0

    emr.program = starved

    with pytest.raises(EngineError, match="no room for it"):
        emr.compute(terms=replace(QUICK, start_seconds=0)).refine(refine_of())

    assert emr.server.steps[0].state == "CANCELLED"


def test_a_job_that_takes_too_long_is_ended(emr: Emr) -> None:
    emr.program = until_killed

    with pytest.raises(EngineError, match="expected it to end within 0 seconds"):
        emr.compute(terms=replace(QUICK, timeout_seconds=0)).refine(refine_of())

    assert emr.server.steps[0].state == "CANCELLED"


# --- It is begun once ---


def test_a_job_that_failed_is_replaced_at_the_next_try(emr: Emr) -> None:
    emr.program = lambda *_: 1
    with pytest.raises(EngineError):
        emr.compute().refine(refine_of())
    emr.program = well

    report = emr.compute().refine(refine_of(attempt="a-2"))

    assert report.attempt == "a-2"
    assert [step.state for step in emr.server.steps] == ["FAILED", "COMPLETED"]


def test_a_run_that_is_over_begins_anew_when_it_is_executed_again(emr: Emr) -> None:
    emr.compute().refine(refine_of())

    assert emr.compute().refine(refine_of(attempt="a-2")).attempt == "a-2"


def test_a_job_without_memory_is_tried_again_with_more_until_that_is_too_much(emr: Emr) -> None:
    def starved(_: JobSpec, tell: Telling, __: threading.Event) -> int:
        raise MemoryError("java.lang.OutOfMemoryError: Java heap space")

    emr.program = starved
    errors = []
    for _ in range(3):
        with pytest.raises(EngineError) as caught:
            emr.compute().refine(refine_of())
        errors.append(caught.value)

    steps = [each.config["HadoopJarStep"]["Args"] for each in emr.server.steps]
    assert [each.retryable for each in errors] == [True, True, False]
    assert not any(each.startswith("spark.executor.memory") for each in steps[0])
    assert "spark.executor.memory=8g" in steps[1]
    assert "spark.executor.memory=16g" in steps[2]


def test_a_job_whose_nodes_were_taken_away_is_tried_again_as_it_was(emr: Emr) -> None:
    def reclaimed(_: JobSpec, tell: Telling, __: threading.Event) -> int:
        raise RuntimeError("Exit status: -100. Diagnostics: Container released on a *lost* node")

    emr.program = reclaimed
    with pytest.raises(EngineUnavailable, match="as spot instances are"):
        emr.compute().refine(refine_of())
    emr.program = well

    assert emr.compute().refine(refine_of(attempt="a-2")).attempt == "a-2"
    assert [step.state for step in emr.server.steps] == ["FAILED", "COMPLETED"]
    lost, again = (step.config["HadoopJarStep"]["Args"] for step in emr.server.steps)
    assert [each for each in lost if "memory" in each] == [
        each for each in again if "memory" in each
    ]


def test_what_changed_since_a_killed_try_is_refined_anew_and_the_old_job_ended(emr: Emr) -> None:
    emr.program = until_killed
    killed = emr.compute(terms=Terms(pace=Pace(sleep=lambda _: wait_for(lambda: False, 3600))))
    thread = threading.Thread(target=killed.refine, args=(refine_of(),), daemon=True)
    thread.start()
    wait_for(lambda: [each.state for each in emr.server.steps] == ["RUNNING"])
    emr.program = well

    report = emr.compute().refine(refine_of(attempt="a-2", version="v2"))

    assert report.attempt == "a-2"
    wait_for(lambda: [each.state for each in emr.server.steps] == ["CANCELLED", "COMPLETED"])


def test_a_try_takes_on_the_job_of_one_that_went_away(emr: Emr) -> None:
    go = threading.Event()

    def program(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        go.wait(30)
        return well(job, tell, killed)

    emr.program = program
    away = emr.compute(terms=Terms(pace=Pace(sleep=lambda _: wait_for(lambda: False, 3600))))
    thread = threading.Thread(target=away.refine, args=(refine_of(),), daemon=True)
    thread.start()
    wait_for(lambda: bool(emr.server.steps))
    go.set()

    report = emr.compute().refine(refine_of(attempt="a-2"))

    assert report.attempt == "a-1"
    assert len(emr.server.steps) == 1


# --- Nothing is left running ---


class Interrupted(EmrEngine):
    """An engine whose caller is interrupted right after the job was created."""

    def submit(self, request: JobRequest) -> Submitted:
        super().submit(request)
        raise KeyboardInterrupt


def test_an_interrupt_between_the_create_call_and_the_first_look_ends_the_job(emr: Emr) -> None:
    emr.program = until_killed
    engine = Interrupted(OWN, emr.storage.root, emr.aws)

    with pytest.raises(KeyboardInterrupt):
        emr.compute(engine=engine).refine(refine_of())

    assert [step.state for step in emr.server.steps] == ["CANCELLED"]
    assert not any(each.is_alive for each in emr.server.clusters.values())


@pytest.mark.parametrize("stage", ["STARTING", "RUNNING"])
def test_an_interrupt_while_it_waits_or_runs_ends_the_job(emr: Emr, stage: str) -> None:
    emr.program = until_killed
    if stage == "STARTING":
        emr.server.hold.set()

    def sleep(_: float) -> None:
        wait_for(lambda: any(each.state == stage for each in emr.server.clusters.values()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        emr.compute(terms=Terms(pace=Pace(sleep=sleep))).refine(refine_of())

    assert not any(each.is_alive for each in emr.server.clusters.values())
    assert [info.key for info in emr.storage.list("_jobs/") if info.key.endswith("/ended")]


def test_of_two_runs_on_a_shared_cluster_one_is_cancelled_and_the_other_ends_well(emr: Emr) -> None:
    go = threading.Event()

    def program(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        assert job.refine is not None
        if job.refine.attempt == "cancelled":
            return until_killed(job, tell, killed)
        go.wait(30)
        return well(job, tell, killed)

    emr.program = program
    done: list[str] = []

    def other() -> None:
        compute = emr.compute("run-2", emr.engine(SHARED))
        done.append(compute.refine(refine_of(attempt="kept")).attempt)

    def sleep(_: float) -> None:
        wait_for(lambda: [each.state for each in emr.server.steps] == ["RUNNING"] * 2)
        raise KeyboardInterrupt

    thread = threading.Thread(target=other)
    thread.start()
    wait_for(lambda: len(emr.server.steps) == 1)
    compute = emr.compute(engine=emr.engine(SHARED), terms=Terms(pace=Pace(sleep=sleep)))
    with pytest.raises(KeyboardInterrupt):
        compute.refine(refine_of(attempt="cancelled"))
    go.set()
    thread.join()

    assert done == ["kept"]
    wait_for(lambda: [s.state for s in emr.server.steps] == ["COMPLETED", "CANCELLED"])
    assert [each.is_alive for each in emr.server.clusters.values()] == [True]


# --- It is followed through what passes ---


def test_a_tenth_of_calls_throttled_is_lived_through(emr: Emr) -> None:
    emr.server.fault = lambda *_: (
        (400, "ThrottlingException") if emr.server.calls.total() % 10 == 0 else None
    )

    emr.compute().refine(refine_of())

    assert len(emr.server.steps) == 1


@pytest.mark.parametrize(
    ("settings", "action"),
    [(OWN, "RunJobFlow"), (SHARED, "RunJobFlow"), (SHARED, "AddJobFlowSteps")],
)
def test_what_an_answer_got_lost_of_is_found_and_not_started_again(
    emr: Emr, settings: EmrSettings, action: str
) -> None:
    emr.server.lose_answer(action)

    emr.compute(engine=emr.engine(settings)).refine(refine_of())

    assert [step.state for step in emr.server.steps] == ["COMPLETED"]
    assert len(emr.server.clusters) == 1


def test_credentials_that_expire_while_it_waits_are_looked_for_again(
    emr: Emr, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = threading.Event()

    def fault(action: str, _: object) -> tuple[int, str] | None:
        if action == "DescribeStep" and not expired.is_set():
            expired.set()
            return 400, "ExpiredTokenException"
        return None

    emr.server.fault = fault
    engine = emr.engine()
    before = engine._clusters.client

    emr.compute(engine=engine).refine(refine_of())

    assert engine._clusters.client is not before
    assert len(emr.server.steps) == 1


def test_a_service_that_never_answers_is_given_up(emr: Emr) -> None:
    emr.server.fault = lambda *_: (400, "ExpiredTokenException")
    impatient = Terms(pace=Pace(0.01, 0.01, 0.01, patience_seconds=0.0))

    with pytest.raises(EngineUnavailable, match="credentials have expired"):
        emr.compute(terms=impatient).refine(refine_of())


def test_the_calls_of_a_job_of_three_hours_are_bounded(emr: Emr) -> None:
    slept: list[float] = []
    over = threading.Event()

    def program(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        tell.log("started")
        over.wait(60)
        return well(job, tell, killed)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) >= 3 * 3600:
            over.set()
            wait_for(lambda: emr.server.steps[0].state == "COMPLETED")

    emr.program = program

    emr.compute(terms=Terms(pace=Pace(listen_seconds=30.0, sleep=sleep))).refine(refine_of())

    calls = emr.server.calls.total()
    assert calls < 2 * 3 * 3600 / 30 * 1.15 + 40


def test_the_end_of_a_long_job_is_seen_soon(emr: Emr) -> None:
    slept: list[float] = []
    over = threading.Event()
    ended_at: list[float] = []

    def program(job: JobSpec, tell: Telling, killed: threading.Event) -> int:
        tell.log("started")
        over.wait(60)
        return well(job, tell, killed)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) >= 600 and not ended_at:
            ended_at.append(sum(slept))
            over.set()
            wait_for(lambda: emr.server.steps[0].state == "COMPLETED")

    emr.program = program

    emr.compute(terms=Terms(pace=Pace(sleep=sleep))).refine(refine_of())

    assert sum(slept) - ended_at[0] < 5


def test_ten_runs_at_once_share_one_cluster(emr: Emr) -> None:
    attempts: list[str] = []

    def refine(number: int) -> None:
        compute = emr.compute(f"run-{number}", emr.engine(SHARED))
        attempts.append(compute.refine(refine_of(attempt=f"a-{number}")).attempt)

    threads = [threading.Thread(target=refine, args=(number,)) for number in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(attempts) == sorted(f"a-{number}" for number in range(10))
    assert len([each for each in emr.server.clusters.values() if each.steps]) == 1
    assert len([each for each in emr.server.clusters.values() if each.is_alive]) == 1


def test_a_shared_cluster_ends_once_it_has_been_idle(emr: Emr) -> None:
    emr.compute(engine=emr.engine(SHARED)).refine(refine_of())

    emr.server.speed = 3600 * 24

    wait_for(lambda: not any(each.is_alive for each in emr.server.clusters.values()))
