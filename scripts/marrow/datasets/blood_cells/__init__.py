"""A simulator of blood-cell image sets: patients and pictures that stand in for data that nobody may share."""
