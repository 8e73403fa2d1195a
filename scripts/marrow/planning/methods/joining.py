"""How a method joins what it makes of instances with attributes, and which of its sections do not go together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from marrow.planning.config import Settings
from marrow.planning.declarations import Declaration

NOTHING = "none"  # the kind of an encoder, a pooling, an expert or a fusion that is not there


@dataclass(frozen=True)
class Joined:
    """The sections of a method that have to fit one another, complete, and what their kinds declare.

    Attributes:
        sections: encoder, pooling, expert and fusion.
        declared: the declaration of each.
        start: what it starts from: scratch, frozen or warm.
    """

    sections: Mapping[str, Settings]
    declared: Mapping[str, Declaration]
    start: str

    @property
    def looks_at_instances(self) -> bool:
        """Whether it learns from more than attributes."""
        return self.sections["encoder"]["kind"] != NOTHING

    @property
    def takes_attributes(self) -> bool:
        """Whether the method learns from attributes at all."""
        return any(self.sections[name]["kind"] != NOTHING for name in ("expert", "fusion"))

    def problems(self) -> Iterator[str]:
        """What does not go together, in words."""
        pooling, expert, fusion = (self.sections[name]["kind"] for name in ("pooling", "expert", "fusion"))
        looks, is_early = self.looks_at_instances, self.declared["fusion"].get("early", False)
        if not looks and (expert == NOTHING or fusion != NOTHING):
            yield (
                f"encoder.kind is none, so the method learns from attributes alone, and expert.kind is {expert} and "
                f"fusion.kind {fusion}; name an expert, such as mlp, and no fusion"
            )
        elif looks and (expert == NOTHING) != (fusion == NOTHING or is_early):
            yield (
                f"expert.kind is {expert} and fusion.kind {fusion}; average and mixture join an expert on attributes "
                "with the pictures, and concatenation goes without one"
            )
        if self.declared["fusion"].get("needs_embedding") and (
            self.sections["pooling"].get("level") == "instance" or self.declared["pooling"].get("fitted")
        ):
            yield (
                f"fusion.kind is {fusion}, whose gate takes the pooled features of a bag, and pooling.kind is "
                f"{pooling}, which classifies instances first; pool embeddings (level: embedding)"
            )
        if self.start != "scratch" and (is_early or fusion == NOTHING):
            yield f"start.from is {self.start}, which is for a fusion of two experts, and fusion.kind is {fusion}"
        if self.declared["expert"].get("fitted") and looks and self.start != "frozen":
            yield (
                f"expert.kind is {expert}, which is fitted all at once and not trained along with pictures; start from "
                "trained models (start.from: frozen), or take the expert mlp"
            )
