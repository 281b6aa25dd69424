"""The programs that can be diagnosed: Keras models and runs of this framework."""
