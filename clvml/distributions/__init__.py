"""The models as pure functions of arrays: likelihood, derivatives, expectations."""
