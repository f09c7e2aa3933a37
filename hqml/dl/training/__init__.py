"""The native training loop of torch: ranks, precision, checkpoints, schedules."""
