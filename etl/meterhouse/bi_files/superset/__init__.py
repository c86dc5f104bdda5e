"""Superset: the questions as datasets, charts and one dashboard, in a bundle that can be imported any number of times.

Every id is a uuid5 of a name, so a second import replaces the first. `python -m meterhouse.bi_files.superset` rewrites
`bi/superset/bundle`; with `--zip FILE` it makes the file to import.
"""
