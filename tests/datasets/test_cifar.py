"""CIFAR-10 and the bags made of it."""

import io
import math
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from marrow.datasets import cifar as bag_set
from marrow.datasets.sources import cifar
from marrow.datasets.sources.catalogue import CIFAR_ARCHIVE, CIFAR_BATCHES, CIFAR_CLASSES
from marrow.datasets.sources.cifar import read_cifar
from marrow.datasets.sources.location import locate
from marrow.errors import ConfigError, MarrowError
from marrow.planning.config import read_schema
from marrow.planning.datasets import settings_schema
from marrow.workflow.parse import REPOSITORY
from shared_data import shared_data

SCHEMA = settings_schema("cifar", read_schema(REPOSITORY / "schemas/datasets/cifar.yaml"))
TARGETS = {"cat": 3, "dog": 5, "truck": 9}
SPLITS = ("train", "validation", "test")


def picture(part: str, label: int, number: int) -> np.ndarray:
    """(3, 32, 32): a picture that tells which one it is, at one place and in one colour each."""
    pixels = np.zeros((3, 32, 32), dtype=np.uint8)
    pixels[0, 0, 1], pixels[1, 2, 0], pixels[2, 31, 5] = label + 1, number + 1, 1 + (part == "test")
    return pixels


def told(pixels: np.ndarray) -> list[tuple[int, int, int]]:
    """Class, number and part of pictures."""
    return list(zip(pixels[:, 0, 0, 1] - 1, pixels[:, 1, 2, 0] - 1, pixels[:, 2, 31, 5] - 1, strict=True))


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(pixels, 0, -1)).save(file, format="PNG")
    return file.getvalue()


def png_files(each: int) -> dict[str, bytes]:
    return {
        f"{part}/{name}/{number:04d}.png": png(picture(part, label, number))
        for part in ("train", "test")
        for label, name in enumerate(CIFAR_CLASSES)
        for number in range(each)
    }


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CIFAR-10 as images in a zip archive: 20 of each class to train and 20 to test."""
    path = tmp_path_factory.mktemp("cifar") / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in png_files(20).items():
            archive.writestr(f"cifar/{name}", content)
        archive.writestr("cifar/labels.txt", "not a picture")
    return path


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The six files of a tiny binary version: 20 records each, the classes in turn."""
    monkeypatch.setattr(cifar, "RECORDS", 20)
    return {
        name: b"".join(
            bytes([record % 10]) + picture(name[:4], record % 10, 20 * number + record).tobytes()
            for record in range(20)
        )
        for number, name in enumerate(CIFAR_BATCHES)
    }


def write_archive(path: Path, contents: dict[str, bytes], prefix: str = "cifar-10-batches-bin/") -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


# Reading


def test_the_archive_and_its_folder_read_the_same(tmp_path: Path, batches: dict[str, bytes]) -> None:
    packed = tmp_path / "deep" / "packed"
    packed.mkdir(parents=True)
    write_archive(packed / CIFAR_ARCHIVE, {"readme.html": b"x"} | dict(reversed(batches.items())), "../../")
    for given in (packed, packed / CIFAR_ARCHIVE):
        images = read_cifar(given, "train")
        assert images.labels.tolist() == 10 * list(range(10))
        assert told(images.read(np.array([99, 0, 21, 0]))) == [(9, 99, 0), (0, 0, 0), (1, 21, 0), (0, 0, 0)]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [packed / CIFAR_ARCHIVE]  # nothing was unpacked
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name, content in batches.items():
        (folder / name).write_bytes(content)
    for given in (tmp_path, folder):
        assert told(read_cifar(given, "test").read(np.arange(20)))[13] == (3, 113, 1)


def test_images_read_the_same_from_a_zip_from_two_and_from_folders(tmp_path: Path, pictures: Path) -> None:
    files = png_files(3)
    for part in ("train", "test"):
        with zipfile.ZipFile(tmp_path / f"{part}.zip", "w") as archive:
            for name in reversed([name for name in files if name.startswith(part)]):
                archive.writestr(name, files[name])
    for name, content in files.items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for given in (tmp_path, tmp_path / "unpacked"):
        for part in ("train", "test"):
            images = read_cifar(given, part)
            expected = [(label, number, part == "test") for label in range(10) for number in range(3)]
            assert told(images.read(np.arange(30))) == expected
            assert images.labels.tolist() == [label for label, _, _ in expected]
    assert len(read_cifar(pictures, "test").labels) == 200


def test_the_shared_images_have_the_colours_of_cifar() -> None:
    images = read_cifar(shared_data("cifar10_jpeg"), "train")
    assert np.bincount(images.labels).tolist() == [1000] * 10
    means = images.read(np.arange(0, 10_000, 10)).mean(axis=(0, 2, 3)) / 255
    assert means == pytest.approx([0.493, 0.483, 0.447], abs=0.01)
    assert np.bincount(read_cifar(shared_data("cifar10_jpeg"), "test").labels).tolist() == [500] * 10


@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "cifar-10-batches-py/data_batch_1"])
def test_the_pickled_version_is_refused_and_the_binary_one_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    for given in (tmp_path, path):
        assert locate("cifar10", given) is None
        with pytest.raises(MarrowError, match=r"pickle.*take the binary version.*"):
            read_cifar(given, "train")


def test_damage_to_the_binary_version_is_told(tmp_path: Path, batches: dict[str, bytes]) -> None:
    path = tmp_path / CIFAR_ARCHIVE
    write_archive(path, {name: content for name, content in batches.items() if name != "data_batch_4.bin"})
    with pytest.raises(MarrowError, match=r"it holds no data_batch_4\.bin"):
        read_cifar(path, "train")
    for content in (batches["test_batch.bin"][:-1], batches["test_batch.bin"] + b"x"):
        write_archive(path, batches | {"test_batch.bin": content})
        with pytest.raises(MarrowError, match=r"test_batch\.bin: 61460 bytes are expected"):
            read_cifar(path, "test")
    write_archive(path, batches | {"test_batch.bin": b"\x0a" + batches["test_batch.bin"][1:]})
    with pytest.raises(MarrowError, match="a class is 10"):
        read_cifar(path, "test")
    write_archive(path, batches)
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:length])
        with pytest.raises(MarrowError, match=CIFAR_ARCHIVE):
            read_cifar(path, "test")


def broken_checksum(content: bytes) -> bytes:
    """A PNG with a wrong bit in its pixels."""
    at = content.index(b"IDAT") + 12
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no image", "cannot identify"),
        (png(np.zeros((3, 32, 32), np.uint8))[:-40], "cannot be read"),
        (broken_checksum(png(np.zeros((3, 32, 32), np.uint8))), "cannot be read"),
        (png(np.zeros((3, 40, 32), np.uint8)), "it is 32 x 40; 32 x 32 is expected"),
        (png(np.zeros((3, 32, 32), np.uint8)) + bytes(cifar.LARGEST), "larger than"),
    ],
)
def test_a_damaged_image_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name, good in png_files(1).items():
            archive.writestr(name, content if name == "train/dog/0000.png" else good)
    images = read_cifar(tmp_path, "train")
    with pytest.raises(MarrowError, match=rf"train/dog/0000\.png: .*{reason}"):
        images.read(np.arange(10))
    assert len(read_cifar(tmp_path, "test").read(np.arange(10))) == 10


def test_a_class_without_images_or_a_broken_zip_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name, content in png_files(1).items():
            if name not in {"train/dog/0000.png", "train/ship/0000.png"}:
                archive.writestr(name, content)
    with pytest.raises(MarrowError, match="no images of dog, ship in train/"):
        read_cifar(tmp_path, "train")
    (tmp_path / "pictures.zip").write_bytes((tmp_path / "pictures.zip").read_bytes()[:-30])
    with pytest.raises(MarrowError, match=r"pictures\.zip: it cannot be read"):
        read_cifar(tmp_path, "test")


# Bags


def settings(**changes: Any) -> dict[str, Any]:
    size = {"mean": 10, "std": 2, "rounding": "truncate"}
    return {"seed": 3, "size": size, "replacement": False, "balance": "alternate"} | changes


def make(pictures: Path, split: str = "train", first: int = 0, count: int = 200, **changes: Any) -> list[Any]:
    return list(bag_set.make_bags(settings(**changes), {"cifar10": pictures}, split, first, count))


@pytest.mark.parametrize("balance", ["alternate", "natural"])
@pytest.mark.parametrize("split", SPLITS)
def test_a_bag_has_its_target_and_no_other(pictures: Path, balance: str, split: str) -> None:
    bags = make(pictures, split, balance=balance)
    assert {bag.label for bag in bags} == set(bag_set.classes({}))
    for bag in bags:
        targets = set(bag.instance_label.tolist()) & set(TARGETS.values())
        assert targets == (set() if bag.label == "none" else {TARGETS[bag.label]})


def test_pixels_belong_to_their_labels_and_every_other_class_occurs(pictures: Path) -> None:
    bags = make(pictures)
    for bag in bags:
        assert [label for label, _, _ in told(bag.patches)] == bag.instance_label.tolist()
        assert bag.patches.shape[1:] == bag_set.layout({}).shape
        assert bag.patches.dtype == bag_set.layout({}).dtype
    seen = Counter(label for bag in bags for label in bag.instance_label.tolist())
    others = [seen[label] for label in range(10) if label not in TARGETS.values()]
    assert min(others) > 0.8 * max(others)


def test_no_image_serves_two_splits(pictures: Path) -> None:
    seen = {split: {image for bag in make(pictures, split) for image in told(bag.patches)} for split in SPLITS}
    usable = {"train": range(16), "validation": range(16, 20), "test": range(20)}
    for split, numbers in usable.items():
        expected = {(label, number, split == "test") for label in range(10) for number in numbers}
        assert seen[split] <= expected
        assert len(seen[split]) > 0.9 * len(expected)


def test_a_bag_does_not_depend_on_how_many_there_are(pictures: Path) -> None:
    whole = make(pictures, count=60)
    part = make(pictures, first=37, count=5)
    assert [bag.bag for bag in part] == [f"train-{number:05d}" for number in range(37, 42)]
    for bag, same in zip(part, whole[37:42], strict=True):
        assert bag.bag == same.bag
        assert bag.label == same.label
        assert np.array_equal(bag.patches, same.patches)
    assert not np.array_equal(make(pictures, count=1, seed=4)[0].patches, whole[0].patches)


def test_alternate_balance_has_every_class_equally_often_in_every_run_of_four(pictures: Path) -> None:
    labels = [bag.label for bag in make(pictures, count=20)]
    assert all(len(set(labels[begin : begin + 4])) == 4 for begin in range(17))


def size_chances(mean: float, std: float, rounding: str) -> dict[int, float]:
    """The distribution of sizes, from the normal one."""
    normal, half = stats.norm(mean, std), 0.5 if rounding == "nearest" else 0.0
    chances = {size: normal.cdf(size + 1 - half) - normal.cdf(size - half) for size in range(1, 60)}
    chances[1] += normal.cdf(1 - half)
    return {size: float(chance) for size, chance in chances.items()}


@pytest.mark.parametrize("rounding", ["truncate", "nearest"])
def test_natural_shares_and_sizes_are_those_of_the_distribution(pictures: Path, rounding: str) -> None:
    bags = make(pictures, "test", count=1000, balance="natural", replacement=True, size=sized(5, 2, rounding))
    chances = size_chances(5, 2, rounding)
    sizes = np.array([len(bag) for bag in bags])
    mean = sum(size * chance for size, chance in chances.items())
    assert sizes.mean() == pytest.approx(mean, abs=4 * sizes.std() / math.sqrt(1000))
    none = sum(chance * (7 / 8) ** size for size, chance in chances.items())
    shares = Counter(bag.label for bag in bags)
    for label, share in {"none": none, **dict.fromkeys(TARGETS, (1 - none) / 3)}.items():
        assert shares[label] / 1000 == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 1000))


def sized(mean: float, std: float, rounding: str = "truncate") -> dict[str, Any]:
    return {"mean": mean, "std": std, "rounding": rounding}


def test_an_image_comes_twice_only_if_it_may(pictures: Path) -> None:
    def most(replacement: bool) -> int:
        bags = make(pictures, "test", count=40, replacement=replacement, size=sized(50, 10))
        return max(max(Counter(told(bag.patches)).values()) for bag in bags)

    assert most(replacement=False) == 1
    assert most(replacement=True) > 1


def test_more_images_than_there_are_is_told(pictures: Path) -> None:
    with pytest.raises(ConfigError, match="33 different instances is asked for, and there are 32 to draw from"):
        make(pictures, "validation", size=sized(33, 0))
    assert len(make(pictures, "validation", count=1, size=sized(33, 0), replacement=True)[0]) == 33


def test_a_target_without_images_left_for_training_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name, content in png_files(1).items():
            archive.writestr(name, content)
    with pytest.raises(ConfigError, match="no image of a cat is left for the split train"):
        make(tmp_path)


def test_the_schema_takes_the_published_settings_and_no_others() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(settings(kind="cifar", training_bags=[500, 5000], test_bags=1000), SCHEMA)
    for wrong in ({"kind": "mnist"}, {"kind": "cifar", "sizes": 10}, {"kind": "cifar", "balance": "equal"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)
