"""Pictures: quality sheets, bone sheets, maps, figures of evaluations and inversions."""
