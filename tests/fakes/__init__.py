"""Small things with known truth, made for tests."""
