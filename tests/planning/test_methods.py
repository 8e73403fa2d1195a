"""Methods by name: what they are made of, which of two settings holds, and what a wrong one is told."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.documentation import method_reference
from marrow.bags.attributes import Attribute
from marrow.bags.bag import Task
from marrow.datasets.sources.catalogue import TABLES
from marrow.errors import ConfigError
from marrow.learning.build import clinical_of, encoder_of, head_of, pooling_of
from marrow.learning.pooling.main_loss import main_loss_of
from marrow.learning.weighting.build import weighting_of
from marrow.planning.config import find_problems, read_schema
from marrow.planning.declarations import declarations
from marrow.planning.kinds import PACKAGES, method_modules, module_of
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import Methods, overlaid, read_methods
from marrow.planning.methods.resolve import encoder_for
from marrow.planning.runs import ATMIL, ATTENTION
from marrow.workflow.fingerprint.code import code_closure
from marrow.workflow.parse import REPOSITORY
from method_parts import METHODS, SECTIONS, complete, variants

SCHEMAS = REPOSITORY / "schemas"
SCHEMA = METHODS.schema
PRESETS = read_schema(SCHEMAS / "presets.yaml")

AGE = (Attribute("age"),)
SCANS = Instances((1, 16, 16, 16), ("bone", "height"), ("scans",), attributes=AGE)
SIMULATED = Instances((1, 8, 8, 8), ("bone",), ("scans", "simulated"), attributes=AGE)
MORPHO = Instances((1, 28, 28), ("components",), ("morpho", "morpho-binary"), are_bytes=True, attributes=AGE)
DIGITS = Instances((1, 28, 28), (), ("mnist_bags", "mnist_bags-binary"), are_bytes=True, attributes=AGE)
FOUR = Instances((1, 28, 28), (), ("mnist_bags", "mnist_bags-four"), are_bytes=True, attributes=AGE)
MOSAICS = Instances((1, 28, 28), (), ("mosaics",), are_bytes=True, attributes=AGE)
CIFAR = Instances((3, 32, 32), (), ("cifar",), are_bytes=True, attributes=AGE)
BLOOD = Instances((3, 56, 56), (), ("blood",), are_bytes=True, attributes=AGE)
CONCEPTS = Instances((32,), (), ("concepts",), attributes=AGE)
READERS = {1: {"mlp", "identity"}, 3: {"lenet", "resnet"}, 4: {"lenet3d"}}
ALL = [SCANS, SIMULATED, MORPHO, DIGITS, FOUR, MOSAICS, CIFAR, BLOOD, CONCEPTS]


def table(name):
    return Instances((TABLES[name].features,), (), ("classical", name), attributes=AGE)


def method(name, instances=SCANS, entries=None, training=None):
    return Methods(PRESETS, entries or {}, METHODS).method(name, instances, training or {})


def fitting(name):
    """The data of all kinds that a preset can learn from."""
    if name.startswith(("mi-svm", "miles")):
        return [CONCEPTS, table("musk1")]
    weighs = method(name, SCANS).auxiliary
    return [instances for instances in [*ALL, table("musk1")] if instances.tasks or not weighs]


# Presets


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_as_the_schema_says(name):
    assert list(find_problems(PRESETS[name], SCHEMA)) == []
    assert PRESETS[name].get("preset", name) in PRESETS
    assert PRESETS[name]["title"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_builds_on_all_data_that_it_can_learn_from(name):
    for instances in fitting(name):
        made = method(name, instances)
        tasks = [Task(task, ("a", "b")) for task in made.auxiliary]
        encoder = encoder_of(made.encoder, instances.shape)
        for classes in (2, 4):
            pooling_of(made.pooling, encoder.width, classes)
            clinical_of(made.settings, encoder.width, classes)
        main_loss_of(made.pooling)
        if made.weighting["kind"] != "upgrad":  # its library is an extra
            weighting_of(made.weighting, tasks)


@pytest.mark.parametrize("instances", [SCANS, FOUR, CIFAR, CONCEPTS])
def test_no_two_presets_are_the_same(instances):
    made = [str(method(name, instances).settings) for name in PRESETS if instances in fitting(name)]
    assert len(set(made)) == len(made) > 10


def test_the_nine_rows_of_atmil_differ_in_pooling_and_weighting_alone():
    nine = [method(name, SCANS) for name in ATMIL]
    assert len({made.title for made in nine}) == 9
    assert all(made.encoder == nine[0].encoder and made.training == nine[0].training for made in nine)
    assert all(made.pooling == nine[1].pooling for made in nine[1:])
    assert [made.auxiliary for made in nine] == [(), (), *[("bone", "height")] * 7]


def test_atmil_trains_as_published():
    for instances, epochs in ((SCANS, 1000), (MORPHO, 200)):
        training = method("atmil", instances).training
        told = {key: training[key] for key in ("optimiser", "learning_rate", "learning_rate_steps", "epochs")}
        assert told == {"optimiser": "adam", "learning_rate": 5e-4, "learning_rate_steps": [100], "epochs": epochs}
        assert training["learning_rate_factor"] == 0.1
        assert training["augment"] == (instances is SCANS)
    weighting = method("atmil").weighting
    assert (weighting["variant"], weighting["beta"], weighting["gramian"]) == ("as-printed", 0.05, "trunk")
    assert method("weighted-loss").weighting["gamma"] == 0.5
    assert method("gradnorm").weighting["gramian"] == "last-layer"


@pytest.mark.parametrize(
    ("name", "rate", "keras_decay"),
    [
        ("musk1", 5e-4, 5e-3),
        ("musk2", 5e-4, 0.03),
        ("fox", 1e-4, 0.01),
        ("tiger", 5e-4, 5e-3),
        ("elephant", 1e-4, 5e-3),
    ],
)
def test_tables_are_trained_as_mi_net_is(name, rate, keras_decay):
    for preset in ATTENTION:
        made = method(preset, table(name))
        assert made.training["learning_rate"] == rate
        # Keras adds decay |w|^2, half of whose gradient is decay w: PyTorch's weight decay is twice as large.
        assert made.training["weight_decay"] == pytest.approx(2 * keras_decay)
        assert not made.training["decay_biases"]
        assert (made.training["optimiser"], made.training["momentum"], made.training["nesterov"]) == ("sgd", 0.9, True)
        assert made.encoder == {"kind": "mlp", "dropout": 0.5, "dropout_after": "last"}


@pytest.mark.parametrize(
    ("instances", "epochs", "weight"), [(DIGITS, 30, 2), (FOUR, 50, 2), (CIFAR, 100, 0.01), (table("tiger"), 100, 0.1)]
)
def test_loss_attention_has_the_weights_of_its_paper(instances, epochs, weight):
    made = method("loss-attention", instances)
    assert made.training["epochs"] == epochs
    assert made.pooling["instance_weight"] == weight
    assert made.pooling["consistency_weight"] == (1 if instances is CIFAR else 0)
    assert made.training == method("attention-softmax", instances).training


def test_what_is_trained_by_itself_is_there():
    assert {*ATMIL, *ATTENTION} <= PRESETS.keys()


# What holds


def test_an_entry_is_stronger_than_its_preset_and_runs_are_stronger_than_it():
    entries = {"mine": {"preset": "atmil", "weighting": {"beta": 0.01}, "training": {"epochs": 7}}}
    made = method("mine", entries=entries)
    assert (made.weighting["beta"], made.training["epochs"]) == (0.01, 7)
    assert made.training["learning_rate_steps"] == [100]
    assert method("mine", entries=entries, training={"epochs": 3}).training["epochs"] == 3


def test_the_special_is_stronger_than_the_general():
    told = {kind: {"training": {"epochs": epochs}} for epochs, kind in enumerate(("mnist_bags-four", "mnist_bags"), 1)}
    entries = {"mine": {"training": {"epochs": 9}, "on_data": told}}
    assert [method("mine", data, entries).training["epochs"] for data in (FOUR, DIGITS, MORPHO)] == [1, 2, 9]


def test_an_entry_with_the_name_of_a_preset_is_built_on_it():
    made = method("atmil", entries={"atmil": {"training": {"epochs": 5}}})
    assert made.title == "ATMIL"
    assert made.weighting == method("atmil").weighting


def test_a_method_is_called_after_itself_unless_it_has_a_title():
    entries = {"mine": {"preset": "atmil"}, "named": {"preset": "atmil", "title": "Named"}}
    assert [method(name, entries=entries).title for name in ("mine", "named")] == ["mine", "Named"]
    assert method("mine", entries=entries).settings == method("named", entries=entries).settings


def test_a_key_that_does_not_count_changes_nothing():
    plain = {"weighting": {"kind": "uniform"}, "pooling": {"kind": "max"}}
    more = {
        "paper": "None 2000",
        "weighting": {"kind": "uniform", "beta": 3, "variant": "implicit", "gramian": "last-layer", "every": 7},
        "pooling": {"kind": "max", "attention_width": 3, "r": 2, "instance_weight": 5},
        "encoder": {"width": 64, "dropout_after": "each"},
        "training": {"momentum": 0.5, "nesterov": False, "learning_rate_factor": 0.5},
        "on_data": {"mosaics": {"training": {"epochs": 3}}},
    }
    entries = {"plain": plain, "more": more}
    assert method("plain", entries=entries).settings == method("more", entries=entries).settings


def test_without_a_consistency_loss_its_ramp_changes_nothing():
    pooling = {"kind": "loss-attention", "consistency_weight": 1}
    bare, ramped = ({"m": {"pooling": pooling | more}} for more in ({}, {"consistency_ramp": 9}))
    assert method("m", entries=bare).settings != method("m", entries=ramped).settings
    pooling["consistency_weight"] = 0
    bare, ramped = ({"m": {"pooling": pooling | more}} for more in ({}, {"consistency_ramp": 9}))
    assert method("m", entries=bare).settings == method("m", entries=ramped).settings


def test_what_is_given_equal_to_its_default_changes_nothing():
    told = {
        "encoder": {"kind": "lenet3d", "kernel": 5, "dropout": 0.0},
        "auxiliary": ["height", "bone"],
        "weighting": {"kind": "atmil", "beta": 0.05, "every": 1.0, "variant": "as-printed"},
        "training": {"learning_rate": 5e-4, "augment": True, "learning_rate_steps": []},
    }
    entries = {"bare": {"weighting": {"kind": "atmil"}}, "told": told}
    bare, full = (method(name, entries=entries).settings for name in entries)
    assert str(bare) == str(full)


def test_settings_do_not_depend_on_the_order_in_which_they_are_given():
    entries = {
        "one": {"training": {"epochs": 3, "bags_per_step": 2}, "weighting": {"kind": "atmil", "beta": 0.1}},
        "two": {"weighting": {"beta": 0.1, "kind": "atmil"}, "training": {"bags_per_step": 2, "epochs": 3}},
    }
    assert str(method("one", entries=entries).settings) == str(method("two", entries=entries).settings)


def test_a_rules_own_default_stands_for_null():
    entries = {kind: {"weighting": {"kind": kind}} for kind in ("atmil", "ol-aux", "gradnorm")}
    entries["closed"] = {"weighting": {"kind": "gradnorm", "variant": "closed-form"}}
    assert method("atmil", entries=entries).weighting["beta"] == 0.05
    assert method("ol-aux", entries={"ol-aux": {"weighting": {"beta": None}}}).weighting["beta"] == 0.005
    assert method("closed", entries=entries).weighting["reference"] == "first-epoch"


@pytest.mark.parametrize(
    ("told", "tasks"), [("all", ("bone", "height")), (["height"], ("height",)), ("bone", ("bone",))]
)
def test_auxiliary_tasks_are_all_or_those_named(told, tasks):
    entries = {"mine": {"auxiliary": told, "weighting": {"kind": "uniform"}}}
    assert method("mine", entries=entries).auxiliary == tasks


def test_only_scans_are_augmented_unless_asked_for_and_tables_never():
    asked = {"mine": {"training": {"augment": True}}}
    assert [method("attention", data).training["augment"] for data in (SCANS, DIGITS, BLOOD)] == [True, False, False]
    assert [method("mine", data, asked).training["augment"] for data in (DIGITS, CONCEPTS)] == [True, False]


@pytest.mark.parametrize(("edge", "kernel"), [(4, 3), (8, 3), (10, 3), (13, 3), (14, 5), (16, 5), (20, 5)])
def test_small_volumes_have_small_kernels(edge, kernel):
    volumes = Instances((1, edge, edge, edge), (), ("scans",))
    assert method("attention", volumes).encoder["kernel"] == kernel
    encoder_of(method("attention", volumes).encoder, volumes.shape)
    assert method("m", volumes, {"m": {"encoder": {"kernel": 3}}}).encoder["kernel"] == 3
    assert "kernel" not in method("attention", DIGITS).encoder


def test_momentum_of_zero_is_nobodys():
    entries = {"mine": {"training": {"optimiser": "sgd", "momentum": 0}}}
    assert method("mine", entries=entries).training["nesterov"] is False


def test_layers_do_not_change_what_they_are_made_of():
    below = {"a": {"b": 1, "c": [1]}}
    assert overlaid([below, {"a": {"b": 2}}, {"d": 1}]) == {"a": {"b": 2, "c": [1]}, "d": 1}
    assert below == {"a": {"b": 1, "c": [1]}}


# What is wrong


@pytest.mark.parametrize(
    ("name", "instances", "entries", "told"),
    [
        ("atmill", SCANS, {}, "there is no method atmill; did you mean 'atmil'?"),
        ("m", SCANS, {"m": {"preset": "atmill"}}, "config: methods.m.preset is 'atmill'; did you mean 'atmil'?"),
        (
            "m",
            SCANS,
            {"m": {"pooling": {"kinds": "max"}}},
            "methods.m: unknown key 'pooling.kinds'; did you mean 'kind'?",
        ),
        ("m", SCANS, {"m": {"pooling": {"kind": "atention"}}}, "did you mean 'attention'?"),
        ("m", SCANS, {"m": {"weighting": {"beta": 0}}}, "methods.m: weighting.beta is 0"),
        ("m", SCANS, {"m": {"training": {"learning_rate_steps": [9, 3]}}}, "must ascend"),
        ("m", SCANS, {"m": {"on_data": {"scan": {}}}}, "did you mean 'scans'?"),
        ("m", SCANS, {"m": {"on_data": {"scans": {"training": {"epoch": 1}}}}}, "did you mean 'epochs'?"),
        ("m", DIGITS, {"m": {"encoder": {"kind": "lenet3d"}}}, "encoder.kind is lenet3d, which does not read pictures"),
        ("m", CONCEPTS, {"m": {"encoder": {"kind": "resnet"}}}, "resnet, which does not read rows of a table"),
        ("m", SCANS, {"m": {"encoder": {"kind": "mlp"}}}, "take lenet3d, or auto"),
        ("m", SIMULATED, {"m": {"encoder": {"kernel": 5}}}, "encoder.kernel is 5, which is too large for instances of"),
        ("m", SCANS, {"m": {"auxiliary": "bones", "weighting": {"kind": "uniform"}}}, "did you mean 'bone'?"),
        ("m", DIGITS, {"m": {"auxiliary": ["bone"], "weighting": {"kind": "uniform"}}}, "there are none; leave it out"),
        ("m", SCANS, {"m": {"auxiliary": "bone"}}, "weighting.kind is none; choose how they count"),
        ("m", SCANS, {"m": {"auxiliary": [], "weighting": {"kind": "uniform"}}}, "and auxiliary is empty"),
        ("atmil", DIGITS, {}, "weighting.kind is atmil, which weighs auxiliary tasks, and these data have none"),
        (
            "m",
            SCANS,
            {"m": {"weighting": {"kind": "atmil", "variant": "running-average"}}},
            "weighting.variant is 'running-average'; valid are: as-printed, capped-step, implicit, closed-form",
        ),
        (
            "m",
            SCANS,
            {"m": {"preset": "instance-max", "pooling": {"kind": "attention"}}},
            "pooling.level is 'instance'; valid are: embedding (pooling.kind is attention)",
        ),
    ],
)
def test_a_wrong_method_is_told_with_its_place_and_a_remedy(name, instances, entries, told):
    with pytest.raises(ConfigError) as error:
        read_methods(entries, SCHEMAS).method(name, instances, {})
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("section", "given", "told"),
    [
        ("weighting", {"kind": "atmill"}, "weighting.kind is 'atmill'; did you mean 'atmil'?"),
        ("weighting", {"kind": "atmil", "beta": 0}, "weighting.beta is 0"),
        ("weighting", {"kind": "atmil", "beta": True}, "weighting.beta is True"),
        ("weighting", {"kind": "atmil", "beta": float("nan")}, "weighting.beta is nan; a setting must be a finite"),
        ("weighting", {"kind": "weighted-loss", "gamma": 1.5}, "weighting.gamma is 1.5"),
        ("weighting", {"kind": "weighted-loss", "first_epoch": 2}, "weighting.first_epoch is 2; valid are: 0, 1"),
        ("weighting", {"kind": "gradnorm", "reference": "last"}, "'last'; valid are: first-step, first-epoch"),
        ("weighting", {"kind": "gradnorm", "alpha": -1}, "weighting.alpha is -1"),
        ("weighting", {"kind": "adaloss", "variant": "running-average", "smoothing": 1}, "weighting.smoothing is 1"),
        ("weighting", {"kind": "ol-aux", "steps": 2.5}, "weighting.steps is 2.5"),
        ("weighting", {"kind": "atmil", "every": 0}, "weighting.every is 0"),
        ("weighting", {"kind": "atmil", "gramian": "all"}, "weighting.gramian is 'all'; valid are: trunk, last-layer"),
        ("pooling", {"kind": "median"}, "pooling.kind is 'median'; did you mean 'mean'?"),
        ("pooling", {"kind": "max", "level": "bag"}, "pooling.level is 'bag'; valid are: embedding, instance"),
        ("pooling", {"kind": "log-mean-exp", "r": 0}, "pooling.r is 0"),
        ("pooling", {"kind": "log-mean-exp", "r": float("inf")}, "pooling.r is inf"),
        ("pooling", {"kind": "attention", "attention_width": 0}, "pooling.attention_width is 0"),
        ("pooling", {"kind": "loss-attention", "instance_weight": -1}, "pooling.instance_weight is -1"),
        ("pooling", {"kind": "loss-attention", "consistency_ramp": -2}, "pooling.consistency_ramp is -2"),
        ("pooling", {"kind": "loss-attention", "consistency_decay": 1}, "pooling.consistency_decay is 1"),
        ("pooling", {"kind": "loss-attention", "instance_reduction": "max"}, "'max'; valid are: mean, sum"),
        (
            "encoder",
            {"kind": "transformer"},
            "'transformer'; valid are: auto, identity, lenet, lenet3d, mlp, none",
        ),
        ("encoder", {"dropout": 1}, "encoder.dropout is 1"),
        ("heads", {"bone": {"kind": "class"}}, "heads.bone.kind is 'class'; did you mean 'classes'"),
        ("heads", {"bones": {"kind": "classes"}}, "heads names 'bones', which is no auxiliary task of these data"),
    ],
)
def test_a_value_out_of_the_limits_of_its_kind_is_told_before_any_work(section, given, told):
    with pytest.raises(ConfigError) as error:
        read_methods({"m": {"preset": "uniform", section: given}}, SCHEMAS).method("m", SCANS, {})
    assert told in str(error.value)


@pytest.mark.parametrize("variant", ["implicit", "closed-form"])
def test_more_tasks_than_a_weighting_solves_for_are_refused(variant):
    entries = {"m": {"weighting": {"kind": "atmil", "variant": variant}}}
    tasks = tuple(map(str, range(9)))
    assert len(method("m", Instances((7,), tasks[:8], ("scans",)), entries).auxiliary) == 8
    with pytest.raises(ConfigError, match=r"9 auxiliary tasks; it weighs at most 8: .* as-printed or capped-step"):
        method("m", Instances((7,), tasks, ("scans",)), entries)


def test_limits_that_differ_between_kinds_are_those_of_the_kind_that_is_named(monkeypatch):
    own = {"title": "Own", "settings": {"gamma": {"type": "integer", "minimum": 3, "default": 4}}}
    weighting = replace(SECTIONS["weighting"], kinds={**SECTIONS["weighting"].kinds, "own": own})
    part = {"properties": weighting.properties}
    for gamma in (0.5, 7, None):
        assert list(find_problems({"gamma": gamma}, part)) == []
    assert list(find_problems({"gamma": 1.5}, part))
    assert weighting.completed({"kind": "own", "gamma": 7})["gamma"] == 7
    assert weighting.completed({"kind": "own"})["gamma"] == 4
    with pytest.raises(ConfigError, match=r"weighting.gamma is 7.*weighting.kind is weighted-loss"):
        weighting.completed({"kind": "weighted-loss", "gamma": 7})


# Kinds


def test_every_kind_is_declared_and_implemented_and_nothing_else_is():
    for family, package in PACKAGES.items():
        if family != "datasets":
            modules = {kind: module_of(family, kind) for kind in declarations(family, SCHEMAS)}
            folder = REPOSITORY / "scripts" / package.replace(".", "/")
            made = {
                module
                for file in folder.glob("*.py")
                if "\ndef make(" in file.read_text()
                for module in [f"{package}.{file.stem}"]
            }
            assert set(modules.values()) == made


@pytest.mark.parametrize("section", SECTIONS)
def test_words_that_name_settings_name_those_that_are_there(section):
    for declared in SECTIONS[section].kinds.values():
        settings = declared.get("settings", {})
        for variant in declared.get("variants", {}).values():
            assert set(variant.get("takes", [])) | variant.get("defaults", {}).keys() <= settings.keys()
        for part in settings.values():
            assert set(part.get("unused_with", {})) <= settings.keys()
            assert set(part.get("least_edges", [])) <= set(part.get("enum", []))


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("weightings/own.yaml", "description: Own.", "schemas/weightings/own.yaml: title is missing"),
        ("encoders/own.yaml", "{title: Own, description: Own.}", "schemas/encoders/own.yaml: reads is missing"),
        ("encoders/own.yaml", "{title: O, description: O., reads: picture}", "reads is 'picture'; did you mean 'pict"),
        ("poolings/own.yaml", "{title: O, description: O., atention: true}", "'atention'; did you mean 'attention'"),
        ("heads/own.yaml", "{title: O, description: O., settings: {a: {type: number}}}", "a.description is missing"),
    ],
)
def test_a_wrong_declaration_is_told_with_its_file(tmp_path, file, text, told):
    shutil.copytree(SCHEMAS, tmp_path / "schemas")
    (tmp_path / "schemas" / file).write_text(text)
    with pytest.raises(ConfigError) as error:
        read_methods({}, tmp_path / "schemas")
    assert told in str(error.value)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_default_is_within_its_limits(section):
    for kind, variant in variants(section):
        settings = complete(section, kind=kind, variant=variant)
        assert complete(section, **settings) == settings


def test_no_module_imports_a_kind_that_it_does_not_build_on():
    """So the code of a kind is not the code of runs that do not use it."""
    own = {
        module_of(family, kind): kind
        for family in PACKAGES
        if family != "datasets"
        for kind in declarations(family, SCHEMAS)
    }
    scripts = REPOSITORY / "scripts"
    for entry in (
        "train_model",
        "train_seeds",
        "predict_bags",
        "invert_run",
        "score_instances",
        "perturb_bags",
        "measure_repeatability",
    ):
        reached = code_closure(scripts / f"{entry}.py", scripts, {})
        assert [name for name in own if f"{name.replace('.', '/')}.py" in reached] == [], entry


def test_the_modules_of_a_method_are_those_of_what_it_names():
    found = [module.removeprefix("marrow.learning.") for module in method_modules(method("atmil").settings)]
    assert found == [
        "encoders.lenet3d", "heads.classes", "heads.values", "pooling.attention", "weighting.atmil",
    ]  # fmt: skip
    assert method_modules(method("loss-attention", table("fox")).settings) == [
        "marrow.learning.encoders.mlp", "marrow.learning.pooling.loss_attention", "marrow.learning.weighting.none",
    ]  # fmt: skip
    named = {"bone": {"kind": "classes"}, "height": {"kind": "classes"}}
    settings = method("m", entries={"m": {"preset": "atmil", "heads": named}}).settings
    assert "marrow.learning.heads.values" not in method_modules(settings)


def test_a_head_is_the_one_that_is_named_or_goes_by_the_classes_of_its_task():
    entries = {"m": {"preset": "atmil", "heads": {"height": {"kind": "values"}}}}
    assert method("m", entries=entries).heads == {"height": {"kind": "values"}}
    assert method("m", entries={"m": {**entries["m"], "auxiliary": "bone"}}).heads == {}
    assert type(head_of(Task("bone", ("a", "b")), 3)).__name__ == "ClassHead"
    assert type(head_of(Task("height"), 3)).__name__ == "ValueHead"
    assert type(head_of(Task("bone", ("a", "b")), 3, {"kind": "values"})).__name__ == "ValueHead"


@pytest.mark.parametrize("kind", sorted(SECTIONS["encoder"].kinds.keys() - {"none"}))
def test_an_encoder_takes_the_instances_that_it_reads_and_no_others(kind):
    entries = {"m": {"encoder": {"kind": kind}}}
    for data in ALL:
        if kind in READERS[len(data.shape)]:
            encoder_of(method("m", data, entries).encoder, data.shape)
        else:
            with pytest.raises(ConfigError, match=f"encoder.kind is {kind}, which does not read"):
                method("m", data, entries)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((7,), "mlp"), ((1, 16, 16, 16), "lenet3d"), ((4, 40, 40, 40), "lenet3d"), ((1, 28, 28), "lenet"),
        ((3, 32, 32), "lenet"), ((3, 33, 33), "resnet"), ((3, 224, 224), "resnet"),
    ],
)  # fmt: skip
def test_the_encoder_goes_by_the_instances(shape, kind):
    assert encoder_for(shape, SECTIONS["encoder"].kinds) == kind


@pytest.mark.parametrize("instances", [SCANS, SIMULATED, CONCEPTS], ids=str)
def test_numbers_without_a_range_are_not_taken_to_one_that_bytes_have(instances):
    with pytest.raises(ConfigError, match=r"training\.input is unit.*whose numbers have no such range"):
        method("attention", instances, training={"input": "unit"})
    assert method("attention", DIGITS, training={"input": "unit"}).training["input"] == "unit"


def test_the_config_reference_tells_of_every_key_of_a_method():
    shared = read_schema(SCHEMAS / "method.yaml")
    text = method_reference(METHODS, shared)

    def keys(part, place=""):
        for key, inner in part.get("properties", {}).items():
            yield f"`{place}{key}`"
            yield from keys(inner, f"{place}{key}.")

    assert [key for key in keys(shared) if f"| {key} |" not in text] == []
    for section in SECTIONS.values():
        for kind, declared in section.kinds.items():
            assert f"## `{section.name}` of kind `{kind}`" in text
            assert all(f"| `{name}` |" in text for name in declared.get("settings", {}))
    assert "`implicit` (`beta`, `cap`; at most 8 auxiliary tasks)" in text


def test_every_preset_is_in_the_manual_with_its_title():
    page = "".join((REPOSITORY / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("methods", "attributes"))
    assert [name for name, preset in PRESETS.items() if f"| `{name}` | {preset['title']} |" not in page] == []


def test_planning_needs_no_tensors():
    heavy = "{'torch', 'numpy', 'pyarrow', 'scipy', 'SimpleITK'}"
    told = f"import sys, marrow.planning.runs; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", told], cwd=REPOSITORY / "scripts", capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
