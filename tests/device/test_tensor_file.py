"""Tensors in files: what is written comes back, and a damaged file is refused by name."""

import pytest
import torch

from marrow.device.tensor_file import read_tensors, tensor_bytes
from marrow.errors import MarrowError

TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, 2])}
TEXTS = {"kind": "test", "seed": "0"}


def test_tensors_and_texts_come_back_as_they_were_written(tmp_path):
    file = tmp_path / "t.safetensors"
    file.write_bytes(tensor_bytes(TENSORS, TEXTS))
    tensors, texts = read_tensors(file)
    assert texts == TEXTS
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_the_order_of_names_does_not_change_the_bytes():
    texts = dict(reversed(TEXTS.items()))
    tensors = dict(reversed(TENSORS.items()))
    assert tensor_bytes(TENSORS, TEXTS) == tensor_bytes(tensors, texts)


@pytest.mark.parametrize(("content", "message"), [(None, "missing"), (b"", "damaged"), (b"no tensors", "damaged")])
def test_a_file_without_tensors_is_refused_by_name(tmp_path, content, message):
    file = tmp_path / "t.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MarrowError, match=rf"t\.safetensors is {message}"):
        read_tensors(file)
    with pytest.raises(MarrowError, match=f"the network is {message}"):
        read_tensors(file, "the network")
