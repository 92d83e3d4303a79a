"""Two images compared, and one shown."""
