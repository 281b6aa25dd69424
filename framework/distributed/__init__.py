"""Devices and machines that train together."""
