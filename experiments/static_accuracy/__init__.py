"""Runs with an injected fault, one for each of several causes of the diagnosis."""
