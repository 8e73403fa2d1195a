"""What the rules ask of the plan: input files, parameters and resources of a job, by its wildcards.

A module for each part of the flow; rules reach all of them through one object, as `inputs.bags.channels`. An error that
is raised here reaches the user through Snakemake, which names the rule and the wildcards beside the message.
"""

from marrow.planning.inputs.bags import BagInputs
from marrow.planning.inputs.bones import BoneInputs
from marrow.planning.inputs.evaluation import EvaluationInputs
from marrow.planning.inputs.localisation import LocalisationInputs
from marrow.planning.inputs.report import ReportInputs
from marrow.planning.inputs.runs import RunInputs
from marrow.planning.inputs.targets import Targets
from marrow.planning.inputs.volumes import VolumeInputs
from marrow.planning.plan import Plan


class Inputs:
    """The functions and values of all parts, each with the plan that it answers from."""

    def __init__(self, plan: Plan) -> None:
        self.volumes = VolumeInputs(plan)
        self.bones = BoneInputs(plan)
        self.bags = BagInputs(plan)
        self.runs = RunInputs(plan)
        self.localisation = LocalisationInputs(plan)
        self.evaluation = EvaluationInputs(plan)
        self.targets = Targets(plan)
        self.report = ReportInputs(plan)
