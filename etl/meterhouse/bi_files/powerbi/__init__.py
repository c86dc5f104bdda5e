"""Power BI: a connection file (.pbids) and a project (PBIP): the star as a semantic model in TMDL, and a report of two pages.

Tables, columns, types and descriptions are those of the views. Keys and raw numbers are hidden, people use the measures.
`python -m meterhouse.bi_files.powerbi` writes the files.
"""
