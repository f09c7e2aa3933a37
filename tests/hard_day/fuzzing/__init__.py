"""What `fuzz.py` feeds to whom: targets, seeds of their inputs, ways to change these, and what counts as a finding."""
