"""Cases on which nothing was tuned: the half that is reported."""
