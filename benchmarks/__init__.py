"""Side by side with peers: same photos, same weights, same machine, one command each."""
