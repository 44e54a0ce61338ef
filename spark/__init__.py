"""What the data means: pure transforms and the job that runs them on any engine."""
