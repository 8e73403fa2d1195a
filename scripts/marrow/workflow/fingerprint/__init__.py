"""What a result was made of, as digests: code, settings and content.

`code` follows a script's imports and digests their syntax trees, `values` turns settings into one canonical text,
`content` digests files and folders. A rebuild is decided by comparing these and never by a clock; see
`docs/decisions/0001-freshness-by-records.md`.
"""
