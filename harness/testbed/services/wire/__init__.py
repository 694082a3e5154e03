"""The bed's wires, a program of its own: `python -P -m wire`. Imports nothing here: the keeper uses `guard` alone."""
