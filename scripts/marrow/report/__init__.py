"""The report: one HTML file that opens anywhere, asks nothing of any network, and prints.

`sections/` holds the sections, each a module with its template beside it; `charts/` the drawings, as places and words
that templates turn into SVG; `viewer/` the scans to be opened in the page. The modules here read what the sections
show, and `page.py` puts the page together. `scripts/build_report.py` lists the sections in the order of reading.
"""
