"""Checking gradients: against numerical derivatives, and against those derived by hand."""
