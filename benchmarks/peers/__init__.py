"""Other people's fine-tuning, each set up as its own documentation recommends, one stand-alone script each."""
