"""MLflow and ClearML behind one small interface."""
