"""Superset: the questions as datasets, charts and one dashboard, in a bundle that imports as often as one likes.

Every id is a uuid5 of a name, so a second import replaces the first. `python -m meterhouse.bi_files.superset` writes
`bi/superset/bundle` anew; with `--zip FILE` it makes the file to import.
"""
