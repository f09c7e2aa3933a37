"""What every estimator shares: the parameters of its annealing, checks of data, seeds."""
