"""The atlas of the skeleton: built from annotated scans, and registered to other scans.

`subject` prepares a scan for registration, `profile` initialises it from the body's outline, `registration` is affine,
then deformable. `fusion` is the majority vote of annotations, `construction` builds an atlas. `labels` resamples label
maps through a transform, with the help of `neighbours`.
"""
