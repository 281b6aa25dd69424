"""Launches runs: builds components from a config, manages the folder, resumes."""
