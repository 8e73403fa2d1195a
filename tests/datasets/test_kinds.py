"""Kinds of data sets: each is a module and a declaration, which say the same, and nothing else names it."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import make_bags
from marrow.bags.file import read_bags
from marrow.bags.patches.size import Size
from marrow.bags.splits import SPLITS
from marrow.bones.table import read_bones
from marrow.errors import ConfigError
from marrow.planning.cohort import load_cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import SCANS, BagSet, plan_datasets, settings_schema
from marrow.planning.declarations import declarations
from marrow.planning.kinds import implementation, module_of
from marrow.planning.methods.instances import names_on_data
from marrow.workflow.parse import REPOSITORY
from small_mnist import write_small_mnist

SCHEMAS = REPOSITORY / "schemas"
PACKAGE = REPOSITORY / "scripts/marrow/datasets"
KINDS = declarations("datasets", SCHEMAS)
GENERATED = sorted(KINDS.keys() - {SCANS})


def planned(entry: dict, **settings) -> BagSet:
    config = complete({"datasets": {"x": entry}, **settings}, read_schema(SCHEMAS / "config.schema.yaml"))
    return plan_datasets(config, load_cohort(config, SCHEMAS), SCHEMAS, spacing_of(config)).bag_sets["x"]


def variants(kind: str) -> list[dict]:
    """Entries of a kind that between them have every choice of every setting, and the ends of each range."""
    schema = settings_schema(kind, KINDS[kind])
    settings = KINDS[kind]["settings"]
    usual = {"kind": kind} | {key: settings[key]["enum"][0] for key in schema["required"] if key != "kind"}
    entries = [usual]
    for key, part in settings.items():
        entries += [usual | {key: value} for value in part.get("enum", []) if value is not None]
        entries += [usual | {key: part[end]} for end in {"minimum", "maximum"} & part.keys()]
    return entries


def test_every_module_of_the_package_is_a_declared_kind_and_every_kind_has_one():
    assert {file.stem for file in PACKAGE.glob("*.py")} - {"__init__"} == set(GENERATED)
    assert all(declaration["title"] and declaration["paper"] for declaration in KINDS.values())


def test_no_module_imports_a_kind_by_its_name():
    """Else the code of that kind would count for jobs that do not use it."""
    modules = {module_of("datasets", kind) for kind in GENERATED}
    for file in sorted((REPOSITORY / "scripts").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
            if isinstance(node, ast.ImportFrom):
                names = {node.module, *(f"{node.module}.{name}" for name in names)}
            assert names & modules == set(), file


@pytest.mark.parametrize("kind", GENERATED)
def test_instances_are_declared_as_the_module_makes_them(kind):
    module, valid = implementation("datasets", kind), set(names_on_data(KINDS))
    for entry in variants(kind):
        bag_set = planned(entry)
        layout, instances = module.layout(bag_set.settings), bag_set.instances
        assert instances.shape == layout.shape
        assert instances.tasks == tuple(task.name for task in layout.tasks)
        assert instances.are_bytes == (layout.dtype == "uint8")
        assert instances.are_labelled == bool(layout.instance_label)
        assert instances.kinds[0] == kind
        assert set(instances.kinds) <= valid


@pytest.mark.parametrize("kind", GENERATED)
def test_every_positive_class_has_key_instances_where_they_are_labelled(kind):
    module = implementation("datasets", kind)
    for entry in variants(kind):
        bag_set = planned(entry)
        named, layout = bag_set.instances.key_classes, module.layout(bag_set.settings)
        for label in module.classes(bag_set.settings)[1:] if layout.instance_classes else ():
            assert set(named.get(label, [label])) <= set(layout.instance_classes), label


def test_names_on_data_are_those_of_kinds_tasks_and_tables():
    assert set(names_on_data(KINDS)) == {
        "scans", "simulated", "morpho", "morpho-binary", "morpho-four", "mnist_bags", "mnist_bags-binary",
        "mnist_bags-four", "mosaics", "classical", "musk1", "musk2", "fox", "tiger", "elephant", "cifar", "blood",
        "concepts", "blood_features",
    }  # fmt: skip
    assert planned({"kind": "mnist_bags", "task": "four"}).instances.kinds == ("mnist_bags", "mnist_bags-four")
    assert planned({"kind": "classical", "table": "fox"}).instances.kinds == ("classical", "fox")


@pytest.mark.parametrize("height", [True, False])
@pytest.mark.parametrize(("patch_mm", "spacing_mm"), [(32, 2), (30, 3), (32, 4)])
def test_instances_of_scans_are_as_their_bags_are(height, patch_mm, spacing_mm):
    sample_bag, bones = import_module("sample_bag"), read_bones(SCHEMAS / "bones.tsv")
    entry = {"kind": SCANS, "patch_mm": patch_mm, "height": height, "contrasts": ["b900", "fat"]}
    made = planned(entry, resample={"spacing_mm": spacing_mm})
    edge = Size.of(made.settings, (spacing_mm,) * 3).edge
    assert made.instances.shape == (2, edge, edge, edge)
    assert made.instances.tasks == tuple(task.name for task in sample_bag._tasks(bones, made.settings))
    assert made.instances.kinds == (SCANS, "simulated")
    assert not made.instances.are_bytes


def test_a_wrong_declaration_is_named_with_its_place(tmp_path):
    schemas = tmp_path / "schemas"
    (schemas / "datasets").mkdir(parents=True)
    for file in ("kinds.yaml", "config.schema.yaml", "samples.schema.yaml"):
        (schemas / file).write_bytes((SCHEMAS / file).read_bytes())
    text = (SCHEMAS / "datasets/concepts.yaml").read_text().replace("labelled:", "labeled:")
    (schemas / "datasets/mine.yaml").write_text(text)
    config = complete({"datasets": {"x": {"kind": "mine"}}}, read_schema(SCHEMAS / "config.schema.yaml"))
    with pytest.raises(ConfigError, match=r"schemas/datasets/mine.yaml: unknown key 'instances.labeled'.*'labelled'"):
        plan_datasets(config, load_cohort(config, SCHEMAS), schemas, 2.0)


@pytest.mark.parametrize("kind", ["concepts", "mosaics"])
def test_a_job_writes_the_bags_that_the_kind_makes(tmp_path, kind):
    mnist = write_small_mnist(tmp_path / "mnist")
    small = {"concepts": {"features": 3}, "mosaics": {"side": 2}}
    settings = planned({"kind": kind, **small[kind]}).settings
    module, path = implementation("datasets", kind), tmp_path / "bags.parquet"
    sources = {"mnist": mnist} if kind == "mosaics" else {}
    given = sorted(mnist.iterdir()) if sources else []  # as downloaded, file by file
    counts = {source: len(given) for source in sources}
    make_bags.main(
        sources=given, bags=path, source_files=counts, settings=settings, split="validation", first=4, bag_count=3
    )
    layout, written = read_bags(path)
    assert layout.classes == module.classes(settings)
    for one, other in zip(written, module.make_bags(settings, sources, "validation", 4, 3), strict=True):
        assert (one.bag, one.label) == (other.bag, other.label)
        assert (one.patches == other.patches).all()


def test_each_source_gets_its_own_files(tmp_path, monkeypatch):
    received = {}
    monkeypatch.setattr(make_bags, "write_block", lambda _, sources, *__: received.update(sources))
    files = [Path("one.npz"), Path("fetched/a"), Path("fetched/b"), Path("folder")]
    make_bags.main(
        sources=files,
        bags=tmp_path / "bags",
        source_files={"first": 1, "second": 2, "third": 1},
        settings={"kind": "concepts"},
        split=SPLITS[0],
        first=0,
        bag_count=1,
    )
    assert received == {"first": Path("one.npz"), "second": Path("fetched"), "third": Path("folder")}
