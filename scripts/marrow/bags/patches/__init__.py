"""Cuts the patches of a scan.

`size` converts settings from millimetres to voxels, `choice` selects the patches with enough bone, `cutting` copies
their voxels and computes which bone and how much lesion they contain, `place` computes their position in the body.
"""
