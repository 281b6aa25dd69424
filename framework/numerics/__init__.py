"""Random draws, intervals and metrics."""
