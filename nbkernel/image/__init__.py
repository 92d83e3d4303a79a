"""Images and what is made from them: statistics, counts, noise."""
