"""Small programs that keep the house: run with `python -m tools.NAME`."""
