"""MLflow: runs, models as readable JSON, the registry. Nothing above imports it, and it imports mlflow late.

========== =======================================================================
model_json any clvml estimator as JSON text and back, bit for bit, without pickle
flavor     that JSON as an MLflow model: save, log, load, score over HTTP
connection which tracking store we speak to, whether it is there, and its silence
registry   register, promote, resolve, load, score a file
records    what there is to say about a run, as plain data
runs       one loop that writes records into runs
========== =======================================================================
"""
