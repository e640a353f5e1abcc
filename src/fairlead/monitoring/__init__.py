"""Windows of the same tallies as in the audit, and alarms with a stated rate of false ones. NumPy and SciPy only."""
