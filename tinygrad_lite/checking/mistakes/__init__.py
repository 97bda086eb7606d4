"""The catalogue of mistakes: a file for each family, each offering candidates for given places."""
