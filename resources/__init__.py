"""How the world is reached: storage, database, catalog, compute, settings."""
