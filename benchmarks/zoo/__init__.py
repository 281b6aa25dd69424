"""The zoo: programs with known causes, to measure how often the diagnosis is right."""
