"""The same training in several libraries: one file and one line of JSON each."""
