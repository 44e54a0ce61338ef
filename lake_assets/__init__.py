"""What exists: the Dagster code location."""
