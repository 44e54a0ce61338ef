"""Catalogs: where tables are published, and SQL over what is published."""
