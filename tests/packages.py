"""Packages of the shared Spark session; whoever needs one adds it while tests are collected.

A JVM that runs cannot be given any.
"""

from __future__ import annotations

WANTED: list[str] = []
