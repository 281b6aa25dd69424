"""The vocabulary of a diagnosis: causes, measurements, checks, trials, findings."""
