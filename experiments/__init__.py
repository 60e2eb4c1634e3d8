"""The lab: every experiment is a folder with a typed config, and one runner for all of them.

``python -m experiments`` lists them, ``python -m experiments NAME`` runs one, writes its tables and the
table in its README, and logs it to MLflow.
"""
