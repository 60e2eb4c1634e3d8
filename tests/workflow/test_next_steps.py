"""What is said after a run: commands that work where they are typed."""

from pathlib import Path

from clvml.workflow._next_steps import next_commands


def commands(uri: str, is_found: bool, is_here: bool) -> list[str]:
    found = next_commands(
        model="models:/clv@champion", uri=uri, is_found=is_found, is_here=is_here, folder=Path("my out")
    )
    return [command for command, _ in found if command]


def test_another_store_is_exported_and_shown_by_its_own_ui():
    said = commands("sqlite:////data/runs.db", is_found=False, is_here=False)
    assert said[0] == "mlflow ui --backend-store-uri sqlite:////data/runs.db"
    assert said[1] == "export MLFLOW_TRACKING_URI=sqlite:////data/runs.db"


def test_a_server_has_a_ui_already():
    said = commands("http://tracking:5000", is_found=False, is_here=False)
    assert said[0] == "export MLFLOW_TRACKING_URI=http://tracking:5000"
    assert not any(command.startswith("mlflow ui") for command in said)


def test_paths_with_blanks_are_quoted():
    assert "'my out/customers.parquet'" in commands("sqlite:////x.db", is_found=True, is_here=True)[-1]
