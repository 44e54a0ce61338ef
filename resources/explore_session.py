"""Spark for a notebook: the session that assets use, and a new one once it is gone."""

from __future__ import annotations

import os
import re
import sys

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.sql import SparkSession

from resources.compute.local import local_session
from resources.settings import Settings

_UNITS = {"m": 1, "g": 1024}


def open_session(settings: Settings) -> SparkSession:
    """A session in this process, the one that there is or a new one.

    Results come as Arrow, and at most a quarter of Spark's memory of them. Python functions run in
    this Python: by itself Spark takes the first `python3` there is, which may lack pandas and Arrow.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    amount, unit = re.fullmatch(r"(\d+)([mg])", settings.spark_memory).groups()  # type: ignore[union-attr]
    most = max(int(amount) * _UNITS[unit] // 4, 1)
    options = {
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.driver.maxResultSize": f"{most}m",
    }
    return local_session(settings, **options)


def is_alive(session: SparkSession) -> bool:
    """Whether a session can still be used; it cannot once stopped, or when its JVM has ended."""
    try:
        java_context = session.sparkContext._jsc
        return java_context is not None and not java_context.sc().isStopped()
    except (Py4JError, OSError):
        return False


def forget_lost_jvm() -> None:
    """Have PySpark start another JVM: by itself it goes on asking the one that has ended."""
    gateway = SparkContext._gateway  # noqa: SLF001 there is no public way
    if gateway is None or _answers(gateway.jvm):
        return
    gateway.shutdown_callback_server()
    for name in ("_active_spark_context", "_gateway", "_jvm"):
        setattr(SparkContext, name, None)
    for name in ("_instantiatedSession", "_activeSession"):
        setattr(SparkSession, name, None)


def _answers(jvm: object) -> bool:
    try:
        jvm.java.lang.System.nanoTime()  # type: ignore[attr-defined]
    except (Py4JError, OSError):
        return False
    return True
