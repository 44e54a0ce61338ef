"""Servers that tests of the resources need."""

from tests.servers.fixtures import mariadb

__all__ = ["mariadb"]
