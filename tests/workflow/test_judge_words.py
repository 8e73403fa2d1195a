"""Reasons name an image by its contrast, not by its place in a list."""

from marrow.workflow.judge import _named_images


def test_a_raw_image_is_named_by_its_contrast():
    named = _named_images({"layout": {"fat": 1, "b900": 2}})
    assert named == {"raw[0]": "fat", "raw[1]": "b900, path 1 of 2", "raw[2]": "b900, path 2 of 2"}
    assert _named_images({"times": 2}) == {}
