"""Spark elsewhere: the one loop around every engine, whichever it is.

What must hold on all of them is here: a job is begun once, however often its run is killed and tried
again; it counts as done only if the service says so and every partition has been reported; and on
any error what was started is ended.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from dagster_pipes import encode_param

from resources.compute.bundle import Bundle, make_bundle, require_shipped, ship
from resources.compute.diagnosis import enlarged
from resources.compute.driver_jar import ship_driver
from resources.compute.engine import JOB_TAG, LAKE_TAG, Engine, JobRequest
from resources.compute.figures import JobFigures
from resources.compute.job_records import JobRecord, JobRecords, ended_key, inputs_of
from resources.compute.job_run import JobRun, Terms
from resources.compute.known_failure import Larger
from resources.compute.messages import Messages
from resources.errors import AlreadyThere, EngineError
from resources.storage import Storage
from spark.errors import ReportIncomplete
from spark.job_spec import JobSpec, SnapshotJob
from spark.refining import RefineReport
from spark.reports import Payload, refine_report, snapshot_report
from spark.snapshot_spec import SnapshotReport, SnapshotSpec
from spark.spec import RefineSpec

#: What no service takes in a tag's value.
_NOT_IN_TAGS = re.compile(r"[^\w\s+\-=.:/@]")
_LONGEST_TAG = 256


@dataclass(frozen=True)
class Done:
    """A job that the service says succeeded: what it ran, and all that it said."""

    spec: JobSpec
    payloads: Sequence[Payload]


@dataclass(frozen=True)
class _Work:
    """What is asked for; `make` gives the specification for the address that tells it to stop."""

    asset: str
    partitions: Sequence[str]
    make: Callable[[str], JobSpec]
    bundle: Bundle
    jars: Sequence[str] = ()


class RemoteCompute:
    """Runs jobs on an engine, for one run of Dagster's or another caller's.

    `run` is what stays the same when that run is tried again. After a job `figures` says what it
    took.
    """

    def __init__(
        self, engine: Engine, storage: Storage, run: str, terms: Terms, log: logging.Logger
    ) -> None:
        self.figures: JobFigures | None = None
        self._engine = engine
        self._storage = storage
        self._run = run
        self._terms = terms
        self._log = log

    def refine(self, spec: RefineSpec) -> RefineReport:
        """Refine there. A job that an earlier try began is taken on, and its attempt reported."""
        require_shipped(spec)
        keys = [each.key for each in spec.partitions]
        work = _Work(f"refined/{spec.table}", keys, lambda stop: JobSpec(stop, spec), make_bundle())
        with self._job(work) as done:
            return refine_report(done.payloads, done.spec.refine or spec)

    def snapshot(self, spec: SnapshotSpec, known: Collection[str]) -> SnapshotReport:
        """Take a snapshot there; raises `EngineError` where a password would have to travel."""
        if spec.login is None:
            raise EngineError(
                f"reference/{spec.name}: expected a database that {self._engine.name} can log in to "
                "by itself. Use a MySQL server with LAKE_DATABASE_SECRET or LAKE_DATABASE_IAM, or "
                "take the snapshot in process."
            )
        job = SnapshotJob(spec, tuple(sorted(known)))
        jars = (ship_driver(self._storage),)
        name = f"reference/{spec.name}"
        work = _Work(name, (), lambda stop: JobSpec(stop, None, job), make_bundle(), jars)
        with self._job(work) as done:
            return snapshot_report(done.payloads, spec.name)

    @contextmanager
    def _job(self, work: _Work) -> Iterator[Done]:
        """A job that succeeded. Whatever happens then or before, it is not left running."""
        records = JobRecords(self._storage, self._run, work.asset, work.partitions)
        record = self._record(records, work)
        messages = Messages(self._storage, record.messages, self._log)
        run = self._job_run(record, work, messages, records.lacked())
        with ExitStack() as last:
            # Last one first. A job sees by its record that it has ended even where the engine's own
            # way to end it does not reach it.
            last.callback(run.release)
            last.callback(lambda: records.end(record, run.lacking or ""))
            self.figures = run.follow()
            try:
                yield Done(records.specification(record), messages.payloads)
            except ReportIncomplete as error:
                raise run.failed(f"it succeeded, but {error}") from error

    def _record(self, records: JobRecords, work: _Work) -> JobRecord:
        """The record of an earlier try if its job is still the one wanted, or else a new one."""
        found = records.open_record()
        if found is not None:
            run = self._job_run(found, work, Messages(self._storage, found.messages, self._log))
            inputs = inputs_of(work.make(""), work.bundle.digest)
            is_wanted = (found.engine, found.inputs) == (self._engine.name, inputs)
            if is_wanted and not run.is_lost():
                self._log.info("an earlier try of this run has begun this job: taking it on")
                return found
            records.end(found)
            run.release()
        folder = records.next_folder()
        stop = self._storage.target_uri(ended_key(folder))
        try:
            return records.begin(folder, self._engine.name, work.make(stop), work.bundle.digest)
        except AlreadyThere:
            return self._record(records, work)

    def _job_run(
        self, record: JobRecord, work: _Work, messages: Messages, lacked: Sequence[str] = ()
    ) -> JobRun:
        request = self._request(record, work)
        larger: list[Larger] = ["memory" for each in lacked if each == "memory"]
        config = enlarged(dict(request.spark_config), larger)
        request = replace(request, spark_config=config, enlarged=len(larger))
        return JobRun(self._engine, record, request, messages, self._terms, self._log)

    def _request(self, record: JobRecord, work: _Work) -> JobRequest:
        shipped = ship(self._storage, work.bundle)
        ends = dict.fromkeys([*work.partitions[:1], *work.partitions[-1:]])
        tags = {
            LAKE_TAG: self._storage.root,
            JOB_TAG: record.key,
            "lake-assets:asset": work.asset,
            "lake-assets:run": self._run,
        }
        return JobRequest(
            key=record.key,
            name=" ".join([work.asset, " to ".join(ends)]).strip(),
            entry_point=shipped.entry_point,
            code=shipped.archive,
            arguments=self._arguments(record),
            jars=tuple(work.jars),
            spark_config=self._terms.spark_config,
            tags={
                name: _NOT_IN_TAGS.sub("_", value)[:_LONGEST_TAG] for name, value in tags.items()
            },
            timeout_seconds=self._terms.timeout_seconds,
        )

    def _arguments(self, record: JobRecord) -> tuple[str, ...]:
        """Of `spark/job.py`. Partitions are in the specification: Pipes has no word for several."""
        address = self._storage.target_uri(record.messages)
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        return (
            "--spec", self._storage.target_uri(record.spec_key),
            "--dagster-pipes-messages", encode_param({"bucket": bucket, "key_prefix": prefix}),
        )  # fmt: skip
