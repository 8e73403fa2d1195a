"""Bags of instances, the input of multiple-instance learning: bag files, manifests, patches of scans."""
