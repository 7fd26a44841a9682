"""The facts of a text, for the reward `faithful`: amounts, moments, names and negations, in English and Chinese."""
