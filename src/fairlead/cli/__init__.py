"""The command line, and what every recipe's command line shares. Importing it imports nothing else."""
