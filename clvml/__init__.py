"""Customer lifetime value: from a table of purchases to compared, registered and served values.

Read purchases, summarise customers, fit a model of value; or run all of it by ``clvml run`` in a shell:

>>> import clvml
>>> customers = clvml.summarize(clvml.load_cdnow())  # or clvml.read_transactions("sales.csv")
>>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon="12M").fit(customers)
>>> f"{model.predict(customers).sum():,.0f} in the next twelve months"
'72,073 in the next twelve months'

``help(clvml.BGNBD)`` has the parameters, an example, and what to use next. Names by task; each package has
more of them, and the page of the user guide in parentheses says when to use what.

From purchases to customers (guide/purchases, guide/time_units)
    `read_transactions`, `TransactionPolicy`, `Transactions`, `TransactionStore`, `load_cdnow`, `summarize`,
    `split`, `Split`, `SummaryFile`, `SplitFile`, `count_histories`, `count_spend`, `convert_time_unit`,
    `cohorts`, `purchases_over_time`, `repeat_purchases_by_date`; package `customers`
Value of each customer (guide/bg_nbd, guide/gamma_gamma, guide/intervals)
    `LifetimeValue`, `PricedValue`, `NewCustomerValue`, `new_customer_value`; package `lifetime_value`
Models of purchases (guide/bg_nbd, guide/seasons_and_covariates, guide/new_customers_and_groups)
    `BGNBD`, `MBGNBD`, `ParetoNBD`, `BGCNBD`, `MBGCNBD`, `BGBB`, `SeasonalPurchases`, `seasonal_index`,
    `TimeVaryingPurchases`, `covariate_paths`, `PartialPooling`, `likelihood_ratio_test`; packages `models`,
    `distributions` (formulas), `inference` (fits)
Models of contracts (guide/contracts)
    `ShiftedBetaGeometric`, `BetaDiscreteWeibull`, `customers_from_survivors`
Models of spend (guide/gamma_gamma)
    `GammaGamma`, `LognormalSpend`, `ConstantSpend`, `TrendingSpend`
Formulas and baselines (guide/formulas)
    `RepeatRateValue`, `TotalSpendValue`, `HistoricValue`, `LastPeriodValue`, `ZeroValue`, `AnnuityValue`,
    `RetentionValue`, `RuleOfThumbValue`, `ProfitContributionValue`, `LoyaltyEffectsValue`, `MigrationValue`,
    `BrandSwitchingValue`
Machine learning (guide/learned)
    `LearnedCorrection`, `StackedValue`, `MeanValue`, `RegressorValue`
Does it fit, and which model is best (guide/comparison, guide/which_model_when)
    `compare_models`, `backtest`, `Backtest`, `new_customer_backtest`, `decide`, `compare`, `score`; packages
    `diagnostics`, `evaluation`
Segments and what to do (guide/segments, guide/lifecycle, guide/treatments)
    `KMeansSegments`, `ClusterSegments`, `RFMScores`, `ABCClasses`, `ValueTiers`, `ValueMatrix`,
    `LifecycleStages`, `CustomerGroups`; packages `segments`, `treatments`
Economics and what if (guide/economics)
    `customer_equity`, `equity_by_group`, `customer_profitability`, `scorecard`, `value_over_time`,
    `model_value`, `what_if`, `vary`, `two_way`, `tornado`, `elasticities`
The customer base, surveys and figures (guide/customer_base, guide/satisfaction, guide/reading_figures)
    packages `customer_base`, `survey`, `plots`
MLflow, scores and services (guide/teams, guide/drift, guide/laptop_to_cluster)
    `log_comparison`, `autolog`; packages `workflow`, `tracking`, `scoring`, `serving`, `monitoring`
Coming from lifetimes (coming_from/lifetimes)
    `from_lifetimes`, `to_lifetimes`, `check_against_lifetimes`, `LifetimesCheck`, `LifetimesValue`;
    package `compat`
Errors and warnings
    `InputError`, `TimeUnitError`, `FitError`, `TrackingError`, all of them `ClvmlError`; `FitWarning`,
    `TimeUnitWarning`
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = attach_stub(
    __name__, __file__, renamed={"TotalCustomerValue": "RuleOfThumbValue"}
)
