"""Images and what is made of them: statistics, counts, noise."""
