"""Files, paths, the terminal, the network, and waiting for other processes."""
