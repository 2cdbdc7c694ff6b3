"""Looks at what a hub wrote, sharing no code with what wrote it: nothing here imports firmware/seal."""
