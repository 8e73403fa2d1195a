"""Segments bones on fat and water images by a three-pathway 3-D network, after DeepMedic's default configuration.

Kamnitsas et al., "Efficient multi-scale 3D CNN with fully connected CRF for accurate brain lesion segmentation"
(Medical Image Analysis 2017), and the defaults of its later public code, which is what ATMIL's settings name.
"""
