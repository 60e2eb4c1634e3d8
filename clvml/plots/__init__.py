"""A figure for every table: each function takes a table, draws into ``ax`` and returns the Axes.

========================================  ======================================================
``cumulative_purchases(table)``           repeat purchases summed over time, actual and by model
``purchases_per_period(table)``           the same table, per period
``calibration_by_frequency(table)``       holdout purchases by purchases in the calibration period
``frequency_recency_matrix(table)``       P(alive) or expected purchases by history
``predicted_against_actual(...)``         predicted and actual value, customers grouped by prediction
``calibration_by_decile(tables)``         predicted and actual value by predicted decile
``lift_curve(table)``                     share of revenue of the best-ranked customers
``value_distribution(clv)``               the distribution of predicted value over customers
``bias_by_model(table)``                  the bias of each model's total
``comparison(table)``                     every model by every metric
``bias_by_origin(totals)``                the bias of each model's total at each origin of a backtest
``score_by_origin(scores)``               a score of each model at each origin of a backtest
``prediction_intervals(intervals)``       prediction intervals and actual outcomes
``heterogeneity(table)``                  how one trait is distributed over customers
``probability_alive_over_time(table)``    P(alive) along one history and beyond
``fit_by_frequency(table)``               customers by number of purchases, actual and expected
``fit_by_spend(table)``                   customers by average spend, actual and expected
``tornado(table)``                        how much each factor alone changes lifetime value
``two_way(table)``                        lifetime value by two factors
``value_over_time(table)``                a measure of value by period and group
``segment_profile(profile)``              the median customer of each segment
``segment_value(profile)``                shares of customers and of value by segment
``segment_worth(worth)``                  mean value by segment, with confidence intervals
``segment_lines(centers)``                segments along their features: parallel coordinates
``segment_scatter(places)``               customers by segment in two components
``segment_choice(selection)``             silhouette, stability and elbow by number of segments
``segment_card(card)``                    a segment on a card: size, value, interval, treatment
``segment_transitions(customers, ...)``   transitions between two dates, and the value gained
``value_matrix(profile)``                 current against potential value
``lifecycle_curve(profile)``              customers by stage of the lifecycle
``relationship_shapes(profile)``          the four shapes of ended relationships
``treatment_lift(table)``                 lift of treatments over the control, with intervals
``treatment_value(table)``                incremental value per unit of cost
``treatment_budget(table)``               the budget by measured response, and its profit
========================================  ======================================================

The first argument is the table to draw, the second, if any, ``actual`` outcomes or other data to add; options
and ``ax`` are keyword-only.

Without ``ax`` a function creates a new figure through pyplot: close it with
``matplotlib.pyplot.close(ax.figure)``. No figure is shown and no global setting is changed;
matplotlib is imported with the first figure, not with this package.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
