"""The servers that a job on an engine speaks to."""

from tests.servers.fixtures import aws_settings, moto_url

__all__ = ["aws_settings", "moto_url"]
