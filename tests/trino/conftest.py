"""The server that stands for AWS."""

from __future__ import annotations

from tests.servers.fixtures import aws_settings, moto_url

__all__ = ["aws_settings", "moto_url"]
