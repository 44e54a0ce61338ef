"""Spark of this machine on S3: Hadoop's S3A connector, by packages from Maven Central.

EMR and Glue bring a connector of their own and need none of this. Credentials are never part of
the configuration: the JVM looks for them where boto3 does.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pyspark import __version__ as spark_version

from resources.aws import ROLE_SESSION, AwsSettings, aws_session
from resources.settings import Settings

#: hadoop-aws must be of the Hadoop inside PySpark. The parts of AWS's SDK that it uses are named
#: one by one, 22 MB in all; the bundle that it asks for has 600.
_HADOOP = "3.4.2"
_SDK = "2.29.52"
_PACKAGES = (
    f"org.apache.hadoop:hadoop-aws:{_HADOOP}",
    f"org.apache.spark:spark-hadoop-cloud_2.13:{spark_version}",
    f"software.amazon.awssdk:s3:{_SDK}",
    f"software.amazon.awssdk:s3-transfer-manager:{_SDK}",
    f"software.amazon.awssdk:sts:{_SDK}",
    f"software.amazon.awssdk:apache-client:{_SDK}",
)
#: The bundle, what PySpark has already, and the connectors to other clouds.
_EXCLUDED = (
    "software.amazon.awssdk:bundle",
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.hadoop:hadoop-azure",
    "org.apache.hadoop:hadoop-azure-datalake",
    "org.apache.hadoop:hadoop-huaweicloud",
    "org.apache.hadoop:hadoop-cloud-storage",
    "com.google.cloud.bigdataoss:gcs-connector",
    "org.eclipse.jetty:jetty-util",
    "org.eclipse.jetty:jetty-util-ajax",
)
_PROVIDERS = "software.amazon.awssdk.auth.credentials"
_ASSUMED_ROLE = "org.apache.hadoop.fs.s3a.auth.AssumedRoleCredentialProvider"


def s3a_config(settings: Settings) -> dict[str, str]:
    """What Spark needs beside the rest where a root is on S3; nothing where none is."""
    if not settings.is_on_s3:
        return {}
    options = {**_connection(settings.aws), **_credentials(settings.aws), **_COMMITTER}
    return {
        "spark.jars.packages": ",".join(_PACKAGES),
        "spark.jars.excludes": ",".join(_EXCLUDED),
        "spark.sql.parquet.output.committer.class": (
            "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter"
        ),
        "spark.sql.sources.commitProtocolClass": (
            "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol"
        ),
        **{f"spark.hadoop.{name}": value for name, value in options.items()},
    }


def aws_java_options(settings: Settings) -> list[str]:
    """Options of the JVM that tell AWS's SDK what boto3 was told."""
    if not settings.is_on_s3:
        return []
    named = {"aws.profile": settings.aws.profile, "aws.region": settings.aws.region}
    return [f"-D{name}={value}" for name, value in named.items() if value]


#: The magic committer uploads a task's files in parts and completes the uploads when the job
#: commits: nothing of a failed task or job shows. Other committers copy, or show files early.
_COMMITTER = {
    "fs.s3a.committer.name": "magic",
    "fs.s3a.committer.magic.enabled": "true",
    # What a task has uploaded is kept in its process until the task commits, instead of in two more
    # objects for each file, which are written, asked for three times, read and deleted.
    "fs.s3a.committer.magic.track.commits.in.memory.enabled": "true",
    # By scheme: without it Hadoop takes its own committer for s3://, which renames.
    "mapreduce.outputcommitter.factory.scheme.s3": (
        "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory"
    ),
    # A refine writes two directories at once, one in the other: a job that ends must not abort
    # the uploads of one that goes on. What a crash leaves, a clean-up finds.
    "fs.s3a.committer.abort.pending.uploads": "false",
}


def _connection(aws: AwsSettings) -> dict[str, str]:
    options = {"fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem"}
    if region := aws_session(aws).region_name:
        options["fs.s3a.endpoint.region"] = region
    if endpoint := aws.endpoints.get("s3"):
        options |= {"fs.s3a.endpoint": endpoint, "fs.s3a.path.style.access": "true"}
    if aws.requester_pays:
        options["fs.s3a.requester.pays.enabled"] = "true"
    if aws.kms_key:
        options |= {
            "fs.s3a.encryption.algorithm": "SSE-KMS",
            "fs.s3a.encryption.key": aws.kms_key,
        }
    return options


def _credentials(aws: AwsSettings) -> dict[str, str]:
    """A named profile comes before the environment, as it does for boto3."""
    found = "ProfileCredentialsProvider" if aws.profile else "DefaultCredentialsProvider"
    provider = f"{_PROVIDERS}.{found}"
    if not aws.role:
        return {"fs.s3a.aws.credentials.provider": provider}
    options = {
        "fs.s3a.aws.credentials.provider": _ASSUMED_ROLE,
        "fs.s3a.assumed.role.arn": aws.role,
        "fs.s3a.assumed.role.session.name": ROLE_SESSION,
        "fs.s3a.assumed.role.credentials.provider": provider,
    }
    if (endpoint := aws.endpoints.get("sts")) and aws.region:
        options |= {
            "fs.s3a.assumed.role.sts.endpoint": urlsplit(endpoint).netloc,
            "fs.s3a.assumed.role.sts.endpoint.region": aws.region,
        }
    return options
