"""The memory for tiles if the config does not set it: a share of the free memory. Rules read it at parse time.

A tile takes about a tenth more than its maps, and 150 MiB (measured from 165 to 1870 MiB), so that two thirds of the
free memory are safe.

More memory has little effect. On a whole-body scan of 2 mm the paper's network does 4% more multiplications in tiles of
1,000 MiB than in one tile of the size of the scan, 6% more in tiles of 500 and 11% more in tiles of 200; and smaller
tiles follow the body more closely. The labels do not depend on it.
"""

LEAST_MB, MOST_MB = 200, 1000
SHARE = 2 / 3
MEBIBYTE = 2**20


def tile_mb(free: int) -> int:
    """Memory for the maps of a tile in MiB, where so many bytes are free."""
    return max(LEAST_MB, min(MOST_MB, int(SHARE * free / MEBIBYTE)))
