"""Weightings: how much the main task and each auxiliary one count, from their losses and gradients.

The kinds of weightings are the modules that `schemas/weightings` declares; each offers

    make(settings, tasks) -> Weighting

where `settings` are those of the method, complete, and `tasks` the auxiliary ones in the order of their losses. The
module of a kind is imported by name (`build`), and by no other module but one that builds on it; what kinds share lies
in modules that are no kinds (`weighting`, `stateful`, `gramian`, `divergence`).
docs/extending/weighting.md adds a kind.
"""
