"""The atlas of the skeleton: annotated scans brought onto one template, and the template brought onto a scan.

`subject` is a scan as registration sees it, `profile` finds the start from the body's outline, `registration` goes on
from there (affine, then deformable), `fusion` lets the annotations vote, `construction` puts an atlas together, and
`labels` brings it onto a scan's grid, where `neighbours` finds something of it.
"""
