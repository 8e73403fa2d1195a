"""Poolings: from the embeddings of packed bags to verdicts on them, and the losses that go with these."""
