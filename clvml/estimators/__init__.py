"""The models with fit and predict, in scikit-learn's conventions; formulas live in distributions."""
