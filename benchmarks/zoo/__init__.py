"""The zoo: how often the diagnosis names the cause, and how often it is wrong."""
