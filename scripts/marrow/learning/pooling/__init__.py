"""Poolings: from the embeddings of packed bags to verdicts on them, and the main loss.

The kinds of poolings are the modules that `schemas/poolings` declares; each offers

    make(settings, width, classes) -> Pooling
    make_loss(settings, class_weights, instances) -> MainLoss        where its loss is not the cross-entropy of bags

where `settings` are those of the method, complete, `width` is that of the embeddings, and `classes` is how many classes
the bags have; see `main_loss.main_loss_of` for the others. A kind's module is imported by name (`main_loss`,
`marrow.learning.build`), and by no other module but one that builds on it; what kinds share lies in modules that are no
kinds (`pooling`, `segments`, `levels`, `outputs`). docs/extending/pooling.md adds a kind.
"""
