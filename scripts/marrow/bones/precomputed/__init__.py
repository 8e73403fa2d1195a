"""Bones that another program found: its label maps, told in the words of our bone table."""
