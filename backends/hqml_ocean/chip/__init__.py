"""A D-Wave chip: its graph and limits, what is programmed into it, its cost in time, and a stand-in that runs here."""
