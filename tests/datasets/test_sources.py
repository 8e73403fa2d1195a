"""Public data: found, downloaded and read, or refused with a word on what to do."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import scipy.io

import fetch_source
from marrow.datasets.sources import catalogue, download
from marrow.datasets.sources.catalogue import MAT_FILES, SOURCES, Extent, PublicSource, SourceFile
from marrow.datasets.sources.location import locate
from marrow.datasets.sources.mnist import read_mnist
from marrow.datasets.sources.tables import read_table
from marrow.errors import MarrowError
from shared_data import shared_data

RANDOM = np.random.default_rng(4)
CONTENT = RANDOM.bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MNIST = [file.name for file in SOURCES["mnist"].files]


# MNIST


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def mnist(folder: Path, compressed: bool = True) -> dict[str, np.ndarray]:
    """A tiny MNIST: seven training digits and four test digits."""
    arrays = {}
    for prefix, count in (("train", 7), ("t10k", 4)):
        arrays[f"{prefix}-images-idx3-ubyte"] = RANDOM.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{prefix}-labels-idx1-ubyte"] = RANDOM.integers(0, 10, count, dtype=np.uint8)
    for name, array in arrays.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))
    return arrays


@pytest.mark.parametrize("compressed", [True, False])
def test_digits_and_labels_come_out_as_they_went_in(tmp_path: Path, compressed: bool) -> None:
    arrays = mnist(tmp_path, compressed)
    for part, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = read_mnist(tmp_path, part)
        assert np.array_equal(images, arrays[f"{prefix}-images-idx3-ubyte"])
        assert np.array_equal(labels, arrays[f"{prefix}-labels-idx1-ubyte"])


def test_the_published_mnist_has_its_known_counts() -> None:
    images, labels = read_mnist(shared_data("mnist"), "train")
    assert images.shape == (60_000, 28, 28)
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert np.bincount(read_mnist(shared_data("mnist"), "test")[1])[9] == 1009


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("train-images-idx3-ubyte", None, "no train-images-idx3-ubyte.*sources.mnist"),
        ("train-images-idx3-ubyte", idx(np.zeros(7, np.uint8)), "magic number is 2049 but 2051"),
        ("train-images-idx3-ubyte", b"", "magic number is 0 but 2051"),
        ("train-images-idx3-ubyte", idx(np.zeros((7, 28, 28), np.uint8))[:-1], "5503 bytes .* asks for 5504"),
        ("train-images-idx3-ubyte", idx(np.zeros((7, 28, 28), np.uint8)) + b"1", "5505 bytes .* asks for 5504"),
        ("train-images-idx3-ubyte", idx(np.zeros((7, 28, 28), np.uint8))[:10], "10 bytes"),
        ("train-images-idx3-ubyte", idx(np.zeros((7, 32, 32), np.uint8)), "images are 32 x 32"),
        ("train-labels-idx1-ubyte", idx(np.zeros(6, np.uint8)), "7 digits but .* has 6 labels"),
        ("train-labels-idx1-ubyte", idx(np.full(7, 10, np.uint8)), "a label is 10"),
        (
            "train-labels-idx1-ubyte.gz",
            gzip.compress(idx(np.zeros(7, np.uint8)), mtime=0)[:-9],
            "cannot be uncompressed",
        ),
        ("train-labels-idx1-ubyte.gz", b"<html>", "cannot be uncompressed"),
    ],
)
def test_a_damaged_mnist_file_is_named(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    mnist(tmp_path, compressed=False)
    (tmp_path / name.removesuffix(".gz")).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MarrowError, match=told) as error:
        read_mnist(tmp_path, "train")
    assert name.removesuffix(".gz") in str(error.value)
    assert str(tmp_path) not in str(error.value)


# Tables


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A table of three bags under the name of a published one; the instances of a bag do not lie together."""
    monkeypatch.setitem(catalogue.TABLES, "fox", Extent(bags=3, instances=6, features=2))
    return RANDOM.normal(size=(6, 2)), np.array([0, 1, 0, 2, 1, 1]), np.array([1, 0, 1], dtype=np.uint8)


def save_matlab(folder: Path, features: np.ndarray, bag: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir()
    scipy.io.savemat(folder / "X.mat", {"X": features})
    scipy.io.savemat(folder / "Bag2.mat", {"Bag2": bag[:, None]})
    scipy.io.savemat(folder / "BagI.mat", {"bagI": labels[:, None]})


def test_both_forms_of_a_table_are_the_same_table(tmp_path: Path, toy: tuple[np.ndarray, ...]) -> None:
    features, bag, labels = toy
    np.savez(tmp_path / "fox.npz", X=features, bag=bag, y=labels)
    save_matlab(tmp_path / "matlab", features, bag + 1, labels)
    for table in (read_table("fox", tmp_path / "fox.npz"), read_table("fox", tmp_path / "matlab")):
        assert np.array_equal(table.features, features)
        assert np.array_equal(table.bag, bag)
        assert table.positive.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("name", "positive"), [("musk1", 47), ("musk2", 39), ("fox", 100), ("tiger", 100), ("elephant", 100)]
)
def test_the_published_tables_agree_in_both_forms(name: str, positive: int) -> None:
    folder = shared_data("mil_classic")
    arrays, matlab = read_table(name, folder / f"{name}.npz"), read_table(name, folder / name)
    assert arrays.positive.sum() == positive
    assert np.array_equal(arrays.features, matlab.features)
    assert np.array_equal(arrays.bag, matlab.bag)
    assert np.array_equal(arrays.positive, matlab.positive)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("X", np.full((6, 2), np.nan), "not a table of finite numbers"),
        ("X", np.zeros(6), "not a table of finite numbers"),
        ("X", np.zeros((6, 3)), "3 bags, 6 instances and 3 features; fox has 3, 6 and 2"),
        ("X", np.array([["a", "b"]] * 6), "other things than numbers"),
        ("bag", np.array([0, 1, 0, 2, 1]), "6 instances but 5 bag numbers"),
        ("bag", np.array([0, 1, 0, 1, 1, 1]), "bags are 0 to 2 and none is empty"),
        ("bag", np.array([1, 2, 1, 3, 2, 2]), "bags are 0 to 2"),
        ("y", np.array([1, 0, 2]), r"labels of bags are \[0, 1, 2\]"),
        ("y", np.array([1, 0]), "there are 2 labels"),
        ("y", np.array([1, 0, None]), "cannot be read"),
        ("Y", np.array([1]), "cannot be read"),
    ],
)
def test_a_table_whose_parts_disagree_is_refused(
    tmp_path: Path, toy: tuple[np.ndarray, ...], key: str, value: np.ndarray, told: str
) -> None:
    parts = dict(zip(("X", "bag", "y"), toy, strict=True))
    if key == "Y":
        del parts["y"]
    np.savez(tmp_path / "fox.npz", allow_pickle=True, **(parts | {key: value}))
    with pytest.raises(MarrowError, match=told) as error:
        read_table("fox", tmp_path / "fox.npz")
    assert "fox.npz" in str(error.value)


def test_musk1_under_the_name_of_musk2_is_refused(tmp_path: Path) -> None:
    (tmp_path / "musk2.npz").write_bytes((shared_data("mil_classic") / "musk1.npz").read_bytes())
    with pytest.raises(MarrowError, match="musk2 has 102, 6598 and 166"):
        read_table("musk2", tmp_path)


@pytest.mark.parametrize("form", ["npz", "mat"])
def test_a_table_cut_off_anywhere_is_told_and_not_a_traceback(
    tmp_path: Path, toy: tuple[np.ndarray, ...], form: str
) -> None:
    features, bag, labels = toy
    np.savez(tmp_path / "fox.npz", X=features, bag=bag, y=labels)
    save_matlab(tmp_path / "fox", features, bag + 1, labels)
    file = tmp_path / "fox.npz" if form == "npz" else tmp_path / "fox" / "X.mat"
    content = file.read_bytes()
    for length in range(0, len(content) - 1, 7):
        file.write_bytes(content[:length])
        with pytest.raises(MarrowError):
            read_table("fox", file if form == "npz" else file.parent)


# Where a source is


def test_a_source_is_found_in_every_form(tmp_path: Path) -> None:
    assert locate("mnist", tmp_path) is None
    mnist(tmp_path)
    assert locate("mnist", tmp_path) == tmp_path
    (tmp_path / f"{MNIST[3]}").unlink()
    assert locate("mnist", tmp_path) is None
    assert locate("mnist", tmp_path / "absent") is None

    (tmp_path / "musk1").mkdir()
    for name in MAT_FILES:
        assert locate("musk1", tmp_path) is None
        (tmp_path / "musk1" / name).touch()
    assert locate("musk1", tmp_path) == locate("musk1", tmp_path / "musk1") == tmp_path / "musk1"
    (tmp_path / "musk1.npz").touch()
    assert locate("musk1", tmp_path) == locate("musk1", tmp_path / "musk1.npz") == tmp_path / "musk1.npz"
    assert locate("musk2", tmp_path) is None


def test_every_source_says_where_to_get_it_and_where_to_put_it() -> None:
    for name, source in SOURCES.items():
        told = catalogue.how_to_give(name)
        assert f"sources.{name}" in told
        assert source.obtain in told
        assert all(address.startswith("https://") for address in source.addresses)
        assert all(len(file.sha256) == 64 for file in source.files)


@pytest.mark.parametrize("name", ["mnist", "musk1", "musk2", "fox", "tiger", "elephant"])
def test_the_checksums_are_those_of_the_files(name: str) -> None:
    folder = shared_data("mnist") if name == "mnist" else shared_data("mil_classic") / name
    for file in SOURCES[name].files:
        assert hashlib.sha256((folder / file.name).read_bytes()).hexdigest() == file.sha256


# Downloads


@dataclass
class Web:
    """A server on loopback, and what it does wrong.

    Attributes:
        breaks: after how many bytes each answer ends, one for each request, until none are left.
        ranges: whether it knows them; `shifted` answers with another range than it was asked for.
        status: what it answers with instead of content.
        redirect: where it sends one that asks for /moved.
        asked: path and range of every request.
    """

    content: bytes = CONTENT
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    shifted: bool = False
    status: int = 200
    redirect: str = ""
    lengths: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""


def handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            web.asked.append((self.path, wanted))
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", web.redirect)
                self.end_headers()
                return
            if web.status != 200:
                self.send_error(web.status)
                return
            begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and web.ranges else 0
            if begin and begin >= len(web.content):
                self.send_error(416)
                return
            self.send_response(206 if begin else 200)
            body = web.content[begin:]
            if begin:
                shown = begin - 1 if web.shifted else begin
                self.send_header("Content-Range", f"bytes {shown}-{len(web.content) - 1}/{len(web.content)}")
            if web.lengths:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: web.breaks.pop(0)] if web.breaks else body)

    return Handler


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web = Web()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(web)) as server:
        web.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield web
        server.shutdown()
        thread.join()


def get(web: Web, path: Path, sha256: str = SHA256, **kwargs: Path) -> None:
    download.download([f"{web.address}/file"], path, sha256, pause_s=0, **kwargs)


def ranges(web: Web) -> list[str | None]:
    return [wanted for _, wanted in web.asked]


def test_a_file_comes_whole_and_leaves_nothing_beside_it(web: Web, tmp_path: Path) -> None:
    get(web, tmp_path / "new" / "file.gz")
    assert (tmp_path / "new" / "file.gz").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.gz"]


def test_after_a_break_only_the_rest_is_asked_for(web: Web, tmp_path: Path) -> None:
    web.breaks = [100_000, 50_000]
    get(web, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert ranges(web) == [None, "bytes=100000-", "bytes=150000-"]


def test_a_part_of_an_earlier_run_is_gone_on_with(web: Web, tmp_path: Path) -> None:
    part = tmp_path / "kept" / "file.part"
    web.breaks = [1000, 0, 0, 0]
    with pytest.raises(MarrowError, match=r"ended after 0 of 299000 bytes"):
        get(web, tmp_path / "file", part=part)
    assert part.read_bytes() == CONTENT[:1000]
    assert not (tmp_path / "file").exists()
    get(web, tmp_path / "file", part=part)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert ranges(web)[-1] == "bytes=1000-"
    assert not part.exists()


def test_a_part_that_is_whole_asks_for_nothing(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    get(web, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert web.asked == []


@pytest.mark.parametrize("wrong", [b"x" * 1000, CONTENT + b"x"])
def test_a_part_of_something_else_does_not_harm(web: Web, tmp_path: Path, wrong: bytes) -> None:
    (tmp_path / "file.part").write_bytes(wrong)
    get(web, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("fault", ["ranges", "shifted"])
def test_a_server_that_does_not_do_ranges_well_starts_anew(web: Web, tmp_path: Path, fault: str) -> None:
    web.breaks = [100_000]
    web.ranges, web.shifted = fault != "ranges", fault == "shifted"
    get(web, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert ranges(web) == [None, "bytes=100000-"] + ([None] if web.shifted else [])


def test_a_break_without_a_promised_length_is_found_by_the_checksum(web: Web, tmp_path: Path) -> None:
    web.lengths, web.breaks = False, [100_000]
    get(web, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_no_file(web: Web, tmp_path: Path) -> None:
    with pytest.raises(MarrowError, match=rf"file could not be downloaded.*another sha256 than {'0' * 64}"):
        get(web, tmp_path / "file", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []
    assert len(web.asked) == download.ATTEMPTS


def test_what_is_not_there_is_asked_for_once_and_a_tired_server_again(web: Web, tmp_path: Path) -> None:
    for status, times in ((404, 1), (403, 1), (503, download.ATTEMPTS)):
        web.status, web.asked = status, []
        with pytest.raises(MarrowError, match=f"the server answers {status}"):
            get(web, tmp_path / "file")
        assert len(web.asked) == times
    assert list(tmp_path.iterdir()) == []


def test_the_next_address_goes_on_where_the_first_gave_up(web: Web, tmp_path: Path) -> None:
    web.breaks = [1000, 0, 0, 0]
    download.download([f"{web.address}/first", f"{web.address}/second"], tmp_path / "file", SHA256, pause_s=0)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert web.asked[-1] == ("/second", "bytes=1000-")


def test_only_the_web_is_followed(web: Web, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    local = (tmp_path / "secret").as_uri()
    for address in (local, "ftp://127.0.0.1/file", "data:,x", "/etc/hostname"):
        with pytest.raises(MarrowError, match="only http and https"):
            download.download([address], tmp_path / "file", SHA256, pause_s=0)
    for target in (local, "ftp://127.0.0.1/file"):
        web.redirect = target
        with pytest.raises(MarrowError):
            download.download([f"{web.address}/moved"], tmp_path / "file", SHA256, pause_s=0)
    assert not (tmp_path / "file").exists()
    web.redirect = "/file"
    download.download([f"{web.address}/moved"], tmp_path / "file", SHA256, pause_s=0)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_machine_without_network_is_told_so(web: Web, tmp_path: Path) -> None:
    address = web.address.rsplit(":", 1)[0] + ":1/file"  # nobody listens there
    with pytest.raises(MarrowError, match="Connection refused"):
        download.download([address], tmp_path / "file", SHA256, pause_s=0)
    with pytest.raises(MarrowError, match="no address is known"):
        download.download([], tmp_path / "file", SHA256, pause_s=0)


@pytest.fixture
def toy_source(monkeypatch: pytest.MonkeyPatch) -> None:
    files = (SourceFile("here.mat", SHA256, remote="there.mat"), SourceFile("same.mat", SHA256))
    monkeypatch.setitem(SOURCES, "toy", PublicSource("toy", files, (), forms="here.mat", obtain="the shelf"))


@pytest.mark.usefixtures("toy_source")
def test_the_rule_fetches_every_file_under_its_name_at_the_address(web: Web, tmp_path: Path) -> None:
    files = [tmp_path / "here.mat", tmp_path / "same.mat"]
    fetch_source.main(files=files, source="toy", addresses=[f"{web.address}/data/"], checkpoints=tmp_path / "kept")
    assert [path for path, _ in web.asked] == ["/data/there.mat", "/data/same.mat"]
    assert all(path.read_bytes() == CONTENT for path in files)
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.usefixtures("toy_source")
def test_when_nothing_works_the_rule_says_where_to_get_the_file_and_where_to_put_it(web: Web, tmp_path: Path) -> None:
    web.status = 404
    with pytest.raises(MarrowError) as error:
        fetch_source.main(files=[tmp_path / "same.mat"], source="toy", addresses=[web.address], checkpoints=None)
    told = str(error.value)
    assert told.startswith(f"toy: same.mat could not be downloaded ({web.address}/same.mat: the server answers 404")
    assert "Get it from the shelf" in told
    assert "sources.toy" in told
