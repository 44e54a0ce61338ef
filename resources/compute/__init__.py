"""Engines: where a job runs."""
