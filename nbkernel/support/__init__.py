"""What every other part needs: checked values, memory, signals, the log."""
