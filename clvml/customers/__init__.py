"""Transactions in, one row per customer out.

``sources`` opens a file or frame, ``policy`` judges its rows, ``transactions`` joins the two;
``summary`` makes one row a customer, ``split`` a calibration and a holdout of it. ``datasets``
reads CDNOW, ``checks`` refuses bad summaries, ``time_units`` knows what a week is.
"""
