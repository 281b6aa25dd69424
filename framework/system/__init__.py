"""Files, paths, terminal text, network addresses, and waiting for processes."""
