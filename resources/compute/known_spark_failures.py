"""Failures of Spark, YARN, Java and Python. Each names where its text is from."""

from __future__ import annotations

from resources.compute.known_failure import known

YARN = (
    known(
        r"InvalidResourceRequestException|"
        r"Required (?:AM|executor) memory .* is above the max threshold \((?P<most>[^)]+)\)",
        "the job asks for larger containers than the cluster has ({most})",
        "Ask for less (spark.executor.memory, spark.driver.memory and their overheads, "
        "spark.executor.cores), or take larger instances",
        "Spark, yarn Client.verifyClusterResources; Hadoop, SchedulerUtils",
    ),
    known(
        r"did not start up in \d+ seconds",
        "the notebook's session got no resources in time",
        "End other sessions and applications of the cluster, or give it more nodes; then raise "
        "Livy's livy_session_startup_timeout_seconds if the cluster is only slow",
        "sparkmagic, LivySession.start",
        retryable=True,
        larger="workers",
    ),
    known(
        r"\(state: ACCEPTED\)|Application is added to the scheduler and is not yet activated",
        "YARN accepted the job and never had the resources to start it",
        "End other applications of the cluster, lower spark.driver.memory, or give the cluster "
        "more or larger nodes: it has none, too few, or its queue allows no more drivers",
        "Spark, yarn Client.monitorApplication; Hadoop, SchedulerApplicationAttempt.AMState",
        retryable=True,
        larger="workers",
        unless=r"\(state: (?:RUNNING|FINISHED)\)|Registered executor",
    ),
)

MEMORY = (
    known(
        r"[Cc]ontainer killed by YARN for exceeding (?:physical |virtual )?memory limits",
        "an executor used more memory than YARN gave it",
        "Raise spark.executor.memoryOverhead or spark.executor.memory, or take fewer cores for "
        "each executor",
        "Spark, YarnAllocator.scala",
        larger="memory",
    ),
    known(
        r"running beyond (?:physical|virtual) memory limits",
        "a container used more memory than YARN gave it",
        "Raise the memory of driver and executors, or their memoryOverhead",
        "Hadoop, ContainersMonitorImpl",
        larger="memory",
    ),
    known(
        r"No space left on device",
        "a worker's disk is full",
        "Give the workers larger volumes (EMR: EBS; EMR Serverless: spark.emr-serverless.executor."
        "disk; Glue: a larger worker type), or spread the work over more of them",
        "Linux, ENOSPC; AWS Knowledge Center, no space left on device",
        larger="disk",
    ),
    known(
        r"java\.lang\.OutOfMemoryError|Total size of serialized results",
        "the JVM of the driver or of an executor is out of memory",
        "Raise spark.driver.memory or spark.executor.memory; whose log it stands in says which",
        "Java, OutOfMemoryError; Spark, TaskSetManager",
        larger="memory",
    ),
)

VERSIONS = (
    known(
        r"ClassNotFoundException: (?P<driver>com\.mysql\S*|org\.mariadb\S*)|No suitable driver",
        "the MySQL driver is not on the job's class path ({driver})",
        "Let the project ship its driver: the jar must be at the address that the job's `jars` "
        "name, and its role must be allowed to read it",
        "Java, DriverManager; Spark, DriverRegistry",
    ),
    known(
        r"UnsupportedClassVersionError",
        "the engine's Java is older than what a jar was built for",
        "Choose a release with Java 17: EMR 7 or Glue 5.1 or later",
        "Java Virtual Machine Specification, class file versions",
    ),
    known(
        r"PYTHON_VERSION_MISMATCH|Python in worker has different version",
        "driver and workers run different versions of Python",
        "Set PYSPARK_PYTHON to the same interpreter for both, or leave it to the release",
        "Spark, pyspark/worker.py",
    ),
    known(
        r"NoSuchMethodError|AbstractMethodError|IncompatibleClassChangeError|"
        r"'JavaPackage' object is not callable",
        "the engine's Spark is another version than the job's jars or Python code expect",
        "Choose a release with a Spark that the project supports (3.5 to 4.1), and leave out jars "
        "that the release has already",
        "Java, LinkageError; py4j",
    ),
    known(
        r"ModuleNotFoundError: No module named '(?P<name>[^']+)'",
        "the job's Python has no module {name}",
        "If it is the project's own, the shipped bundle is not where the job looks; otherwise the "
        "job may import only what the engine has",
        "Python, ModuleNotFoundError",
    ),
)

DATA = (
    known(
        r"Malformed records are detected|MALFORMED_RECORD_IN_PARSING|BadRecordException",
        "a reader in FAILFAST mode met a record that it cannot parse",
        "Look at it with `lake quarantine`; a retry meets the same record",
        "Spark, FailureSafeParser",
    ),
)

LOST = (
    known(
        r"[Ss]lave lost|[Ww]orker lost|Container released on a \*?lost\*? node|"
        r"[Dd]ecommission(?:ed|ing) (?:executor|node|host)|[Ss]pot interruption|"
        r"Exit status: -100|Executor decommission",
        "nodes were taken away while the job ran, as spot instances are",
        "Run it again; if it happens often, put the primary and core nodes on demand",
        "Spark, YarnSchedulerBackend; AWS Knowledge Center, exit status -100",
        retryable=True,
    ),
    known(
        r"(?i)exit ?(?:code|status)(?: is)?:? ?137|SIGKILL|OOMKilled",
        "a process of the job was killed (137), mostly for using too much memory",
        "Raise the memory of driver and executors, or their memoryOverhead",
        "Linux, signal 9; AWS Knowledge Center, exit code 137",
        larger="memory",
    ),
    known(
        r"(?i)exit ?(?:code|status)(?: is)?:? ?143",
        "a container of the job was ended from outside (143): cancelled, preempted, or for memory",
        "Run it again with more memory if nobody cancelled it",
        "Linux, signal 15",
        larger="memory",
    ),
)
