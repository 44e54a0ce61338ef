"""Checks of what a lake needs: each tries one connection or permission for real."""
