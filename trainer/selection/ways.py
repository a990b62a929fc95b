"""The ways of choosing, by name. Imports nothing, so that the command can offer them at once."""

WAYS = ("k-means", "uniform", "random", "motion", "doubt")
