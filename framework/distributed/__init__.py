"""Distribution strategies over several devices and machines."""
