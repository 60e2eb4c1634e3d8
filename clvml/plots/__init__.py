"""A figure for every table: each function takes a table, draws into ``ax`` and returns the Axes.

=====================================  ======================================================
``cumulative_purchases(table)``        what customers bought, and what the models said, summed
``purchases_per_period(table)``        the same table, period by period
``calibration_by_frequency(table)``    holdout purchases by purchases seen before
``frequency_recency_matrix(table)``    P(alive) or expected purchases by history
``predicted_against_actual(...)``      predicted and actual value, customers in equal groups
``calibration_by_decile(tables)``      predicted and actual value, by predicted decile
``lift_curve(table)``                  how much revenue the best-ranked customers brought
``value_distribution(clv)``            who holds the predicted value
``bias_by_model(table)``               how far each model's total is off
``comparison(table)``                  every model by every metric
``segment_profile(profile)``           what sets the segments apart
``segment_value(profile)``             who is many, and who brings the money
``segment_worth(worth)``               mean value by segment, with intervals
``segment_lines(centers)``             each segment along its features: parallel coordinates
``segment_scatter(places)``            customers by segment in two components
``tornado(table)``                     how far each factor alone moves lifetime value
``two_way(table)``                     lifetime value at two factors together
``value_over_time(table)``             average order, frequency, loyalty by period and group
``segment_choice(selection)``          silhouette, stability and the elbow: why so many
``segment_card(card)``                 a segment on a card: who, worth, how sure, what to do
``value_matrix(profile)``              current against potential value
``lifecycle_curve(profile)``           where customers stand in their lifecycle
``relationship_shapes(profile)``           how finished relations went, in four shapes
``migration(customers, moves)``        who moved between two dates, and what it was worth
``heterogeneity(table)``               how customers differ in one trait, as a fit has it
``probability_alive_over_time(table)`` still a customer? Along one history, and after today
``fit_by_frequency(table)``            how often customers bought, and what a fit expects
``fit_by_spend(table)``                what customers spend on average, and what a fit expects
``ranges(intervals)``                  what customers or groups may bring, and what came
=====================================  ======================================================

Without ``ax`` a function makes a figure of its own through pyplot: close it with
``matplotlib.pyplot.close(ax.figure)``. Nothing is shown and no global setting is touched;
matplotlib itself is loaded by the first figure, not by importing this package.
"""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
