"""A diagnosis as text, as JSON, as a figure and for TensorBoard."""
