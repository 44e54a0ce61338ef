"""Servers that stand for AWS, and a MySQL server."""

from __future__ import annotations

from tests.servers.fixtures import aws_settings, mariadb, moto_url, s3_lake

__all__ = ["aws_settings", "mariadb", "moto_url", "s3_lake"]
