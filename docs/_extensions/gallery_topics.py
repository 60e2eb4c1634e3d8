"""The topics of the gallery: every public figure of ``clvml.plots`` is in one of them."""

from typing import NamedTuple


class Topic(NamedTuple):
    """A page of the gallery."""

    page: str
    title: str
    idea: str
    figures: tuple[str, ...]


TOPICS = (
    Topic(
        "purchases",
        "Purchases",
        "Are repeat purchases over time, and by history, what the model expects?",
        (
            "cumulative_purchases",
            "purchases_per_period",
            "calibration_by_frequency",
            "frequency_recency_matrix",
            "probability_alive_over_time",
        ),
    ),
    Topic(
        "fit",
        "Fit",
        "Does the model describe the customers that it was fitted to, and those it is used for now?",
        (
            "fit_by_frequency",
            "fit_by_spend",
            "heterogeneity",
            "reliability",
            "deviations",
        ),
    ),
    Topic(
        "value",
        "Value",
        "What are customers worth, how sure is that, and was it right?",
        (
            "value_distribution",
            "prediction_intervals",
            "predicted_against_actual",
            "calibration_by_decile",
        ),
    ),
    Topic(
        "comparison",
        "Comparison",
        "Which model predicts best, and by more than noise?",
        (
            "comparison",
            "bias_by_model",
            "lift_curve",
            "metric_differences",
            "bias_by_origin",
            "score_by_origin",
        ),
    ),
    Topic(
        "segments",
        "Segments",
        "Which groups of customers are there, what are they worth, and how do they change?",
        (
            "segment_choice",
            "segment_profile",
            "segment_value",
            "segment_worth",
            "segment_lines",
            "segment_scatter",
            "segment_card",
            "segment_transitions",
            "value_matrix",
            "lifecycle_curve",
            "relationship_shapes",
            "lifecycle_volume",
            "volume_by_age",
        ),
    ),
    Topic(
        "base",
        "Customer base",
        "How do cohorts, periods and tenths of customers contribute to revenue?",
        (
            "revenue_by_cohort",
            "cohort_heat_map",
            "cohort_curves",
            "cohort_by_age",
            "base_over_time",
            "revenue_deciles",
            "customer_distribution",
            "period_bridge",
        ),
    ),
    Topic(
        "economics",
        "Economics",
        "What do customers cost and bring, when do they pay back, and what matters most?",
        (
            "value_parts",
            "equity_projection",
            "revenue_by_tenure",
            "payback",
            "early_value",
            "tornado",
            "two_way",
            "value_over_time",
        ),
    ),
    Topic(
        "satisfaction",
        "Satisfaction and perceived value",
        "What do customers say in surveys and complaints? The surveys here are made up.",
        (
            "satisfaction_shares",
            "net_promoter_score",
            "satisfaction_over_time",
            "complaint_times",
            "loyalty_levels",
            "value_by_satisfaction",
            "delivered_value",
            "delivered_value_over_time",
            "step_effects",
            "attribute_importance",
            "importance_performance",
            "brand_comparison",
            "rank_gaps",
        ),
    ),
    Topic(
        "treatments",
        "Treatments",
        "What did a test bring, and where should the budget go? The test here is made up.",
        (
            "treatment_lift",
            "treatment_value",
            "treatment_budget",
        ),
    ),
)
