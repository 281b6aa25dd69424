"""Speed, measured beside that of others."""
