from ._cards import segment_cards as segment_cards
from ._customer_groups import CustomerGroups as CustomerGroups
from ._plans import segment_plans as segment_plans
from ._treatments import budgets as budgets
from ._treatments import read_treatments as read_treatments
from ._treatments import treat as treat
from ._value_at_risk import early_warning as early_warning
from ._value_at_risk import value_at_risk as value_at_risk
