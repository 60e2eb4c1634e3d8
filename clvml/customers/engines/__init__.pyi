from ._duckdb import DuckDB as DuckDB
from ._engine import Engine as Engine
from ._engine import Source as Source
