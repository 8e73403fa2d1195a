"""Patches of a scan: where they lie, what they show, and what is known of them.

`size` turns millimetres into voxels, `choice` finds the patches that hold enough bone, `cutting` takes their voxels out
of a volume, `contents` says which bone and how much lesion they hold, `place` where in the body they are.
"""
