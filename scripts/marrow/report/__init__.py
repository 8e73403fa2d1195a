"""The report: one HTML file that opens anywhere, asks nothing of any network, and prints.

A section is a module with a template of the same name: `cohort.py` and `cohort.html.j2`. It takes its own data and
returns a `Section`; `scripts/build_report.py` lists them in the order in which they are read. A new section adds two
files and a line there.
"""
