"""From a config to a run: its components, its folder, and how it is resumed."""
