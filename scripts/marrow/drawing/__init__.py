"""Pictures: quality sheets, bone sheets, maps, figures of an evaluation and of an inversion."""
