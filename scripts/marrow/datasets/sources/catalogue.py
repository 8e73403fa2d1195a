"""The public data sets that Marrow knows: their files, checksums, and where they are to be had.

Data and sentences alone, from the standard library alone: the configuration is checked against this at parse time.
The tables are those of the MILpy collection at one commit, with the names that three of its files have here; the
checksums of MNIST and CIFAR-10 are those of the authors' own archives.
"""

from dataclasses import dataclass

MILPY = "https://raw.githubusercontent.com/jmarrietar/MILpy/79fef5dd2726e5ca32955e17ff925dae0e2a9986/data"
CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MAT_FILES = ("X.mat", "Bag2.mat", "BagI.mat")


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: its name here, its checksum, and its name at the address where that differs."""

    name: str
    sha256: str
    remote: str = ""


@dataclass(frozen=True)
class PublicSource:
    """A public data set.

    Attributes:
        name: the key below `sources` in the configuration.
        files: what is downloaded.
        addresses: folders on the web that hold the files, the first that works serves.
        forms: the forms in which it can be given, in words.
        obtain: where a person gets it.
    """

    name: str
    files: tuple[SourceFile, ...]
    addresses: tuple[str, ...]
    forms: str
    obtain: str


@dataclass(frozen=True)
class Extent:
    """How large a classical table is; copies of two of them with their names swapped are about."""

    bags: int
    instances: int
    features: int


TABLES = {
    "musk1": Extent(bags=92, instances=476, features=166),
    "musk2": Extent(bags=102, instances=6598, features=166),
    "fox": Extent(bags=200, instances=1320, features=230),
    "tiger": Extent(bags=200, instances=1220, features=230),
    "elephant": Extent(bags=200, instances=1391, features=230),
}


def _table(
    name: str, digests: tuple[str, str, str], folder: str, remote: tuple[str, str, str] = MAT_FILES
) -> PublicSource:
    return PublicSource(
        name=name,
        files=tuple(map(SourceFile, MAT_FILES, digests, remote)),
        addresses=(f"{MILPY}/{folder}",),
        forms=f"{name}.npz with X, bag and y, or {', '.join(MAT_FILES)} in a folder {name}",
        obtain=f"data/{folder} of the repository jmarrietar/MILpy on GitHub",
    )


_SOURCES = (
    PublicSource(
        name="mnist",
        files=(
            SourceFile(
                "train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
            ),
            SourceFile(
                "train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
            ),
            SourceFile("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            SourceFile("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
        addresses=(
            "https://storage.googleapis.com/cvdf-datasets/mnist",
            "https://ossci-datasets.s3.amazonaws.com/mnist",
        ),
        forms="the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
        "t10k-labels-idx1-ubyte, with or without .gz",
        obtain="http://yann.lecun.com/exdb/mnist/ or any mirror of its four files",
    ),
    _table(
        "musk1",
        (
            "90a5a034c253d4986c68e0b3a052bb6b3862cdeb9585fc8a956c940f6c394af5",
            "48976efc65427bc4c58787da483a94a4c99801a665744eabfac8d24c9caca4f6",
            "1e30f51b5266806693c6152de24748ef192414c83b4a12088747da89a974c53c",
        ),
        "musk1_unscaled",
        ("X_musk_original.mat", "Bag2_musk_original.mat", "bagI_musk1_original.mat"),
    ),
    _table(
        "musk2",
        (
            "172610df60e81223f726515239f8c6270aaf1f8a8be5c3c52f811072bf02358f",
            "824082cb9bd74745c38def5d4a427d289aba5a76d966cb07051ca0de0e8fe6fe",
            "e8300c17f3f995340f75a6731d739d87f3e9cc24a049cc5152b0631ebbc16dbc",
        ),
        "musk2_original",
    ),
    _table(
        "fox",
        (
            "5a716e3b18e0b34dfd9e9a801fa9598aa7b3a9bf1b07ba769fe68fec50e3246d",
            "5dc4cb5186ca642b45182745be9f48fc76030f8860571b4a31809ed95d68cfdb",
            "de2ef32606ffbd87f5fe229e5a8e3b5a590e5a638943cdd19938db7ca88c308a",
        ),
        "fox_original",
    ),
    _table(
        "tiger",
        (
            "6d58142967784816ef384f91907d9932885bef77a0372d18f9b3dd0cc4cee638",
            "bd613d3b8d6e032569ead8ce3ccf35378347ec76c42d59a0604122dc0321a270",
            "a95448c4462255210d9c4be8835ceb26dd91cbaaf4b63f9f797967dd3b1dc04d",
        ),
        "tiger_original",
    ),
    _table(
        "elephant",
        (
            "f0da9ceeca96a10090dd353ea5e04bcbeb6a032a04c079cde84429efb1774a66",
            "2f418377a5348e349a8a274f5e82db7a2f63457476cefe52e335dc661f69e8f9",
            "ed6de6e89906cae3bd60dd55cdcbcbc38ba8846e227dcdb9e170c1b246980593",
        ),
        "elephant_original",
    ),
    PublicSource(
        name="cifar10",
        files=(SourceFile(CIFAR_ARCHIVE, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),),
        addresses=("https://www.cs.toronto.edu/~kriz",),
        forms=f"{CIFAR_ARCHIVE}, its six .bin files, or images as train/<class>/ and test/<class>/ in folders or zips "
        "(the Python version is a pickle, which is never loaded: take the binary version)",
        obtain=f"https://www.cs.toronto.edu/~kriz/cifar.html, the binary version ({CIFAR_ARCHIVE})",
    ),
)
SOURCES = {source.name: source for source in _SOURCES}


def how_to_give(name: str) -> str:
    """Two sentences: where to get a source by hand, and where to put it."""
    source = SOURCES[name]
    return (
        f"Get it from {source.obtain}, put it in a folder and name that folder as `sources.{name}` in the "
        f"configuration. Accepted: {source.forms}."
    )
