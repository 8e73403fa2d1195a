"""Runs of one method with several seeds trained in one process."""
