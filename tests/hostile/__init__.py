"""Attacks on the service: what is sent, what an answer must hold to, and who counts."""
