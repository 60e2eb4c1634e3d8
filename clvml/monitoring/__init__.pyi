from ._check import ModelCheck as ModelCheck
from ._check import check_model as check_model
from ._statements import Statement as Statement
