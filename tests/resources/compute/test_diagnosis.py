"""Texts as services, Spark and YARN write them, and what is made of them."""

from __future__ import annotations

import pytest

from resources.compute.diagnosis import KNOWN, enlarged, explain

#: A text, words of the diagnosis, what a retry needs more of (None: nothing; "": no retry helps).
SAID = [
    pytest.param(
        "24/01/01 10:00:00 ERROR YarnScheduler: Lost executor 2 on ip-10-0-0-5.ec2.internal: "
        "Container killed by YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB physical "
        "memory used. Consider boosting spark.executor.memoryOverhead.",
        "more memory than YARN gave it", "memory", id="executor above its container",
    ),
    pytest.param(
        "Container [pid=11540,containerID=container_1_0001_01_000001] is running beyond physical "
        "memory limits. Current usage: 1.5 GB of 1.4 GB physical memory used",
        "container used more memory", "memory", id="driver above its container",
    ),
    pytest.param(
        "java.lang.OutOfMemoryError: Java heap space", "out of memory", "memory", id="heap",
    ),
    pytest.param(
        "Command exited with exit code 137", "was killed (137)", "memory", id="killed",
    ),
    pytest.param(
        "ExitCode: 137 (Worker has been killed as memory usage exceeded configured memory size)",
        "was killed (137)", "memory", id="killed on EMR Serverless",
    ),
    pytest.param(
        "Exit code is 143", "ended from outside (143)", "memory", id="terminated",
    ),
    pytest.param(
        "java.io.IOException: No space left on device", "disk is full", "disk", id="disk",
    ),
    pytest.param(
        "org.apache.hadoop.yarn.exceptions.InvalidResourceRequestException: Invalid resource "
        "request! Cannot allocate containers as requested resource is greater than maximum allowed "
        "allocation. Requested resource type=[memory-mb], Requested resource=<memory:1536, "
        "vCores:1>, maximum allowed allocation=<memory:1024, vCores:1>",
        "larger containers than the cluster has", "", id="request above the maximum allocation",
    ),
    pytest.param(
        "java.lang.IllegalArgumentException: Required executor memory (4096 MB), offHeap memory (0) "
        "MB, overhead (409 MB), and PySpark memory (0 MB) is above the max threshold (3278 MB) of "
        "this cluster! Please check the values of 'yarn.scheduler.maximum-allocation-mb'",
        "than the cluster has (3278 MB)", "", id="executor above the threshold",
    ),
    pytest.param(
        "22/06/16 06:54:15 INFO Client: Application report for application_1655362260527_0001 "
        "(state: ACCEPTED)\n diagnostics: [Thu Jun 16 06:54:14 +0000 2022] Application is added to "
        "the scheduler and is not yet activated. Skipping AM assignment as cluster resource is "
        "empty.  Details : AM Partition = <DEFAULT_PARTITION>",
        "never had the resources to start it", "workers", id="starvation",
    ),
    pytest.param(
        "LivyClientTimeoutException: Session 3 did not start up in 60 seconds.",
        "notebook's session got no resources", "workers", id="notebook",
    ),
    pytest.param(
        "java.lang.ClassNotFoundException: com.mysql.cj.jdbc.Driver",
        "not on the job's class path (com.mysql.cj.jdbc.Driver)", "", id="driver class",
    ),
    pytest.param(
        "java.sql.SQLException: No suitable driver", "MySQL driver", "", id="no suitable driver",
    ),
    pytest.param(
        "An error occurred (AccessDeniedException) when calling the GetSecretValue operation: User: "
        "arn:aws:sts::123456789012:assumed-role/lake-job/x is not authorized to perform: "
        "secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:123456789012:"
        "secret:db because no identity-based policy allows the secretsmanager:GetSecretValue action",
        "Allow `secretsmanager:GetSecretValue` on `arn:aws:secretsmanager:eu-west-1:123456789012:"
        "secret:db`", "", id="secret",
    ),
    pytest.param(
        "An error occurred (AccessDenied) when calling the GetObject operation: User: "
        "arn:aws:sts::123456789012:assumed-role/lake-job/x is not authorized to perform: kms:Decrypt "
        "on the resource associated with this ciphertext because no identity-based policy allows "
        "the kms:Decrypt action", "Allow `kms:Decrypt`", "", id="key",
    ),
    pytest.param(
        "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/lake-job/x is not "
        "authorized to perform: glue:GetDatabase on resource: arn:aws:glue:eu-west-1:123456789012:"
        "database/lake", "may not glue:GetDatabase", "", id="catalog",
    ),
    pytest.param(
        "com.amazonaws.services.glue.model.AccessDeniedException: Insufficient Lake Formation "
        "permission(s): Required Describe on lake (Service: AWSGlue; Status Code: 400)",
        "Lake Formation denied access (Required Describe on lake)", "", id="lake formation",
    ),
    pytest.param(
        "java.nio.file.AccessDeniedException: s3a://lake/raw/plays: getFileStatus on "
        "s3a://lake/raw/plays: software.amazon.awssdk.services.s3.model.S3Exception: (Service: S3, "
        "Status Code: 403, Request ID: null)", "access to S3 denied (s3a://lake/raw/plays)", "",
        id="objects, by S3A",
    ),
    pytest.param(
        "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied",
        "may not PutObject", "", id="objects, by boto3",
    ),
    pytest.param(
        "Error: The specified subnet does not have enough free addresses to satisfy the request",
        "too few free addresses", None, id="subnet",
    ),
    pytest.param(
        "InsufficientInstanceCapacity: We currently do not have sufficient m5.xlarge capacity in "
        "the Availability Zone you requested", "no instances of that type", None, id="no capacity",
    ),
    pytest.param(
        "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of "
        "16 allows for the instance bucket that the specified instance type belongs to.",
        "quota of EC2 vCPUs", None, id="quota of EC2",
    ),
    pytest.param(
        "Job failed: the account's limit of ConcurrentVCPU was exceeded",
        "quota of concurrent vCPUs on EMR Serverless", None, id="quota of EMR Serverless",
    ),
    pytest.param(
        "ApplicationMaxCapacityExceededException: Worker could not be allocated as the application "
        "has exceeded maximumCapacity settings: [memory: 48 GB, disk: 200 GB]",
        "does not fit under (memory: 48 GB, disk: 200 GB)", None, id="ceiling of an application",
    ),
    pytest.param(
        "Exceeded maximum concurrent compute capacity for your account. Please retry after "
        "sometime or reach out to Glue to increase limits.", "Glue has no room", None, id="DPUs",
    ),
    pytest.param(
        "On the master instance (i-96c21a39), bootstrap action 1 returned a non-zero return code",
        "bootstrap action of the cluster failed (number 1)", "", id="bootstrap",
    ),
    pytest.param(
        "An error occurred (ThrottlingException) when calling the GetJobRun operation: Rate exceeded",
        "throttled", None, id="throttling",
    ),
    pytest.param(
        "java.lang.UnsupportedClassVersionError: com/mysql/cj/jdbc/Driver has been compiled by a "
        "more recent version of the Java Runtime (class file version 61.0), this version of the "
        "Java Runtime only recognizes class file versions up to 55.0", "Java is older", "", id="Java",
    ),
    pytest.param(
        "pyspark.errors.exceptions.base.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in "
        "worker has different version: 3.9 than that in driver: 3.11", "versions of Python", "",
        id="Python",
    ),
    pytest.param(
        "java.lang.NoSuchMethodError: 'scala.collection.immutable.ArraySeq scala.runtime."
        "ScalaRunTime$.wrapRefArray(java.lang.Object[])'", "Spark is another version", "", id="Spark",
    ),
    pytest.param(
        "ModuleNotFoundError: No module named 'spark.refining'", "no module spark.refining", "",
        id="bundle",
    ),
    pytest.param(
        "ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: "
        "Container marked as failed: container_1524504924019_0006_01_000003 on host: ip-10-26-128-69"
        ".ec2.internal. Exit status: -100. Diagnostics: Container released on a *lost* node",
        "nodes were taken away", None, id="spot",
    ),
    pytest.param(
        "Lost executor 9 on ip-10-0-0-9.ec2.internal: Slave lost", "nodes were taken away", None,
        id="spot, by the driver",
    ),
    pytest.param(
        "org.apache.spark.SparkException: [MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed "
        "records are detected in record parsing: [null]. Parse Mode: FAILFAST.",
        "a record that it cannot parse", "", id="bad record",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "larger"), SAID)
def test_a_failure_is_explained_by_what_it_left(text: str, words: str, larger: str | None) -> None:
    noise = ["26/11/21 10:00:00 INFO SparkContext: Running Spark version 4.0.2"]

    found = explain([*noise, *text.splitlines(), *noise])

    assert found is not None
    assert words in found.sentence
    assert found.retryable is (larger != "")
    assert found.larger == (larger or None)
    assert "{" not in found.sentence


def test_every_failure_that_is_known_has_a_text_that_shows_it() -> None:
    texts = "\n".join(str(each.values[0]) for each in SAID)

    assert [each.pattern.pattern for each in KNOWN if not each.pattern.search(texts)] == []


def test_the_services_words_for_the_state_are_read_like_a_log() -> None:
    found = explain([], "Cluster terminated: BOOTSTRAP_FAILURE")

    assert found is not None
    assert "bootstrap action" in found.cause


def test_the_cause_comes_before_what_follows_from_it() -> None:
    lost = "Lost executor 2: Container killed by YARN for exceeding memory limits. Slave lost"

    found = explain([lost, "Slave lost", "Exit code is 143"])

    assert found is not None
    assert found.larger == "memory"


def test_an_application_that_ran_after_being_accepted_did_not_starve() -> None:
    lines = [
        "Application report for application_1_0001 (state: ACCEPTED)",
        "Application report for application_1_0001 (state: RUNNING)",
    ]

    assert explain(lines) is None


@pytest.mark.parametrize("lines", [[], ["", "26/11/21 INFO Client: Deleted staging directory"]])
def test_what_is_not_recognised_is_not_guessed_at(lines: list[str]) -> None:
    assert explain(lines, "Job failed") is None


def test_a_line_without_end_is_cut_around_its_telling_part() -> None:
    found = explain(["x" * 5000 + " java.lang.OutOfMemoryError: Java heap space " + "y" * 5000])

    assert found is not None
    assert found.evidence.startswith("java.lang.OutOfMemoryError")
    assert len(found.evidence) < 400


def test_memory_is_doubled_for_each_failure_that_lacked_it_and_no_more_than_twice() -> None:
    config = {"spark.executor.memory": "6g", "spark.app.name": "a"}

    sizes = [
        enlarged(config, ["memory"] * failures)["spark.executor.memory"] for failures in (1, 2, 5)
    ]

    assert sizes == ["12g", "24g", "24g"]
    assert enlarged(config, ["disk"]) == config
