"""The same training in other ways: one file each, one line of JSON each."""
