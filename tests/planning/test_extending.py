"""The pages on kinds of one's own: their code, to the letter, in a checkout, is found, trained and asked for."""

import re
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
import yaml

from marrow.workflow.parse import REPOSITORY
from small_mnist import write_small_mnist
from staleness_project import Project, checkout

pytestmark = pytest.mark.slow

PAGES = sorted((REPOSITORY / "docs/extending").glob("*.md"))
_BLOCK = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> dict[str, str]:
    """Path of a file -> what the page says it holds."""
    return dict(_BLOCK.findall(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_of_a_page_runs_to_its_predictions(page: Path, tmp_path: Path):
    files = blocks(page)
    assert {Path(name).suffix for name in files} == {".yaml", ".py"}
    config = yaml.safe_load(files.pop("my.yaml"))
    project: Project = checkout(tmp_path, config)
    for name, text in files.items():
        assert not (tmp_path / name).exists()
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_small_mnist(tmp_path / "mnist", strokes=True)
    project.run("runs")
    (dataset,) = config["runs"]
    (method,) = config["runs"][dataset]["methods"]
    run, predicted = (tmp_path / f"results/{part}/{dataset}/{method}/seed-0" for part in ("runs", "predicted"))
    assert (run / "model.safetensors").is_file()
    assert parquet.read_table(predicted / "predictions.parquet").num_rows > 0
    history = parquet.read_table(run / "history.parquet")
    assert history.num_rows == config["runs"][dataset]["training"]["epochs"]
    if page.stem == "pooling":
        attention = parquet.read_table(predicted / "instances.parquet")["attention"].to_numpy()
        assert 0 in attention
    if page.stem == "weighting":
        assert set(history.column_names) > {"weight_components", "norm2_components"}


def test_every_page_shows_a_declaration_a_module_and_how_to_use_them():
    for page in PAGES:
        assert {Path(name).parts[0] for name in blocks(page)} == {"schemas", "scripts", "my.yaml"}
