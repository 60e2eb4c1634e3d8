"""Nothing that a user keeps is ever lost to a run: not in its output folder, and not what it reads."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.workflow import _output_folder as folder_module
from clvml.workflow._manifest import MANIFEST, Manifest
from clvml.workflow._output_folder import OutputFolder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """The current folder is not where the results go."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def write(path, content, files=("config.toml", "figures/bias.png")):
    """What a run does with its output folder."""
    folder = OutputFolder(path)
    folder.check()
    for name in files:
        folder.text(name, content)
    folder.complete()


def contents(folder):
    """Every file in a folder but the manifest (and a killed attempt to write it), with its text."""
    files = [path for path in Path(folder).rglob("*") if path.is_file() and MANIFEST not in path.name]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def linked(path, to):
    path.unlink()
    path.symlink_to(to)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_second_run_replaces_the_files_of_the_first_and_leaves_nothing_else(tmp_path):
    write(tmp_path / "out", "first", ["config.toml", "segments.csv", "figures/old.png"])
    write(tmp_path / "out", "second")
    assert contents(tmp_path / "out") == {"config.toml": "second", "figures/bias.png": "second"}
    assert names(tmp_path) == ["here", "out"]
    assert (
        json.loads((tmp_path / "out" / MANIFEST).read_text())["files"].keys()
        == contents(tmp_path / "out").keys()
    )


def test_an_empty_folder_is_as_good_as_none(tmp_path, caplog):
    (tmp_path / "out").mkdir(mode=0o750)
    write(tmp_path / "out", "first")
    assert contents(tmp_path / "out") == {"config.toml": "first", "figures/bias.png": "first"}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    assert names(tmp_path) == ["here", "out"]
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda out: (out / "notes.txt").write_text("mine"), "notes.txt"),
        (lambda out: (out / "figures" / "mine.png").write_text("mine"), "figures/mine.png"),
        (lambda out: (out / "model").mkdir(), "model/"),
        (lambda out: (out / "link").symlink_to(out.parent), "link"),
        (lambda out: (out / "config.toml").write_text("# mine\nfirst"), "config.toml changed"),
        (lambda out: linked(out / "config.toml", "/etc/hostname"), "config.toml changed"),
        (lambda out: (out / MANIFEST).unlink(), "config.toml, figures/bias.png"),
        (lambda out: (out / MANIFEST).write_text("{"), "config.toml, figures/bias.png"),
    ],
)  # fmt: skip
def test_what_the_user_put_or_changed_in_the_folder_is_named_and_kept(tmp_path, spoil, named):
    out = tmp_path / "out"
    write(out, "first")
    spoil(out)
    before = contents(out), sorted(out.rglob("*"))
    with pytest.raises(InputError, match=named) as caught:
        OutputFolder(out).check()
    assert "choose another folder (--output" in str(caught.value)
    assert (contents(out), sorted(out.rglob("*"))) == before


def test_what_a_file_manager_leaves_in_the_folder_is_no_hindrance(tmp_path):
    write(tmp_path / "out", "first")
    (tmp_path / "out" / ".DS_Store").touch()
    (tmp_path / "out" / "figures" / "Thumbs.db").touch()
    write(tmp_path / "out", "second")
    assert contents(tmp_path / "out") == {"config.toml": "second", "figures/bias.png": "second"}
    assert names(tmp_path) == ["here", "out"]


def test_what_comes_into_the_folder_while_the_run_works_is_kept(tmp_path):
    write(tmp_path / "out", "first")
    folder = OutputFolder(tmp_path / "out")
    folder.check()
    folder.text("config.toml", "second")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        folder.complete()
    assert contents(tmp_path / "out")["notes.txt"] == "mine"
    assert contents(folder.now) == {"config.toml": "second"}


def test_what_comes_into_the_folder_at_the_very_last_moment_is_kept_beside_it(tmp_path, monkeypatch, caplog):
    write(tmp_path / "out", "first")
    own = folder_module.put_in_place

    def late(new, place, previous):
        (place / "notes.txt").write_text("mine")
        return own(new, place, previous)

    monkeypatch.setattr(folder_module, "put_in_place", late)
    write(tmp_path / "out", "second")
    assert "are kept there" in caplog.text
    kept = list(tmp_path.rglob("notes.txt"))
    assert [path.read_text() for path in kept] == ["mine"]
    assert contents(tmp_path / "out")["config.toml"] == "second"


@pytest.mark.parametrize("way", ["plain", "relative", "dots", "through a link", "is a link", "hard link"])
def test_an_output_folder_that_holds_an_input_is_refused_however_the_input_is_reached(tmp_path, way):
    out = tmp_path / "out"
    write(out, "first", ["customers.csv"])
    (tmp_path / "door").symlink_to(out)
    (tmp_path / "here" / "other.csv").symlink_to(out / "customers.csv")
    (tmp_path / "hard.csv").hardlink_to(out / "customers.csv")
    sales = {
        "plain": out / "customers.csv",
        "relative": Path("../out/customers.csv"),
        "dots": tmp_path / "here" / ".." / "out" / "customers.csv",
        "through a link": tmp_path / "door" / "customers.csv",
        "is a link": tmp_path / "here" / "other.csv",
        "hard link": tmp_path / "hard.csv",
    }[way]
    for folder in (out, Path("../out"), tmp_path / "door"):
        with pytest.raises(InputError, match="contains the purchases of this run"):
            OutputFolder(folder).check({"purchases": [sales]})
    assert contents(out) == {"customers.csv": "first"}


def test_an_input_beside_the_output_is_no_hindrance(tmp_path):
    write(tmp_path / "out", "first")
    (tmp_path / "out.csv").touch()
    OutputFolder(tmp_path / "out").check({"purchases": [tmp_path / "out.csv"], "config": [Path("c.toml")]})


@pytest.mark.parametrize("path", [".", "..", "/", "~", "../here/../here"])
def test_a_folder_that_somebody_lives_in_is_refused_with_a_folder_inside_it_as_the_way_out(path):
    folder = os.path.expanduser(path)
    with pytest.raises(InputError, match=r"(current folder|home folder).*such as --output .*clvml-output"):
        OutputFolder(folder).check()
    assert os.listdir(".") == []


def test_the_root_of_a_repository_is_refused(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    with pytest.raises(InputError, match=r"\.git/"):
        OutputFolder(tmp_path / "repo").check()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_folder_where_nothing_can_be_made_is_refused_before_the_work():
    with pytest.raises(InputError, match="builds it in /proc and then moves it into place"):
        OutputFolder("/proc/out").check()
    with pytest.raises(InputError, match="is a mount point"):
        OutputFolder("/proc").check()


def test_an_output_that_is_a_file_or_below_one_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(InputError, match="file is a file; choose another"):
            OutputFolder(path).check()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_to_a_folder_stays_a_link_and_the_folder_behind_it_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "results")
    for content in ("first", "second"):
        write(tmp_path / "out", content)
        assert (tmp_path / "out").is_symlink()
        assert contents(tmp_path / "disk" / "results")["config.toml"] == content
    assert names(tmp_path) == ["disk", "here", "out"]
    assert names(tmp_path / "disk") == ["results"]


def test_a_run_that_fails_leaves_the_earlier_results_and_the_next_one_clears_up(tmp_path):
    write(tmp_path / "out", "first")
    failed = OutputFolder(tmp_path / "out")
    failed.text("config.toml", "failed")
    with pytest.raises(ZeroDivisionError):
        failed.place("figures/half.png", lambda path: (path.write_text("half"), 1 / 0))
    failed.keep_unfinished()
    assert contents(tmp_path / "out")["config.toml"] == "first"
    assert contents(tmp_path / "out.unfinished") == {"config.toml": "failed"}
    write(tmp_path / "out", "second")
    assert names(tmp_path) == ["here", "out"]


def test_an_unfinished_folder_with_something_of_the_users_stays(tmp_path):
    failed = OutputFolder(tmp_path / "out")
    failed.text("config.toml", "failed")
    failed.keep_unfinished()
    (tmp_path / "out.unfinished" / "config.toml").write_text("# mine")
    (tmp_path / "out.unfinished-2").mkdir()
    (tmp_path / "out.unfinished-2" / "mine").touch()
    write(tmp_path / "out", "second")
    assert contents(tmp_path / "out.unfinished") == {"config.toml": "# mine"}
    assert names(tmp_path) == ["here", "out", "out.unfinished", "out.unfinished-2"]


def test_two_runs_at_once_do_not_mix_and_the_last_one_stays(tmp_path):
    one, two = OutputFolder(tmp_path / "out"), OutputFolder(tmp_path / "out")
    one.text("a.csv", "one")
    two.text("b.csv", "two")
    one.complete()
    two.complete()
    assert contents(tmp_path / "out") == {"b.csv": "two"}
    assert names(tmp_path) == ["here", "out"]


@pytest.mark.parametrize("name", ["../mine", "figures/../../mine", "/mine"])
def test_a_manifest_that_reaches_out_of_its_folder_is_not_believed(tmp_path, name):
    write(tmp_path / "out", "first")
    (tmp_path / "out" / MANIFEST).write_text(json.dumps({"complete": True, "files": {name: None}}))
    assert Manifest.read(tmp_path / "out") is None


def write_for_ever(path):
    os.chdir("/")
    for number in range(10_000):
        write(path, str(number), ["one.csv", "figures/two.csv", "three.csv"])


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_run_that_is_killed_at_any_moment_leaves_whole_results(tmp_path, monkeypatch, in_one_step):
    """One set of results, all of one run, is at the place once the next run has looked at it."""
    if not in_one_step:
        monkeypatch.setattr("clvml.files.exchange", lambda *_: False)
    out, least = tmp_path / "out", -1
    write(out, "-1", ["one.csv", "figures/two.csv", "three.csv"])
    for attempt in range(400):  # forty, and more where the machine is slow
        if attempt >= 40 and least > 0:
            break
        process = multiprocessing.get_context("fork").Process(target=write_for_ever, args=(out,))
        process.start()
        time.sleep(0.01 + 0.003 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        whole = [path for path in tmp_path.glob("out*") if len(contents(path)) == 3]
        assert whole, names(tmp_path)
        OutputFolder(out).check()
        found = contents(out)
        assert len(found) == 3
        assert len(set(found.values())) == 1
        least = max(least, int(found["one.csv"]))
    write(out, "last")
    assert names(tmp_path) == ["here", "out"]
    assert least > 0


def write_and_die_between_the_renames(path):
    os.chdir("/")
    own = Path.rename

    def rename(self, target):
        return os._exit(9) if self.name == "out.unfinished" else own(self, target)

    Path.rename = rename
    write(path, "second")


def test_a_run_that_is_killed_between_its_two_renames_is_mended_by_the_next_look(tmp_path, monkeypatch):
    monkeypatch.setattr("clvml.files.exchange", lambda *_: False)
    write(tmp_path / "out", "first")
    process = multiprocessing.get_context("fork").Process(
        target=write_and_die_between_the_renames, args=(tmp_path / "out",)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    assert names(tmp_path) == ["here", "out.previous", "out.unfinished"]
    OutputFolder(tmp_path / "out").check()
    assert contents(tmp_path / "out") == {"config.toml": "second", "figures/bias.png": "second"}
    write(tmp_path / "out", "third")
    assert names(tmp_path) == ["here", "out"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder takes two steps")
def test_whoever_looks_while_runs_come_and_go_always_sees_results(tmp_path):
    out = tmp_path / "out"
    write(out, "0")
    missing, done = [], threading.Event()

    def look():
        while not done.is_set():
            if not out.exists():
                missing.append(1)

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(60):
        write(out, str(number))
    done.set()
    watcher.join()
    assert not missing


def test_a_run_refuses_to_write_over_the_purchases_attributes_treatments_or_config_it_reads(
    clvml, purchases, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path / "here")
    sales, out = tmp_path / "sales.csv", tmp_path / "out"
    purchases.to_csv(sales, index=False)
    write(out, "", ["config.toml", "customers.csv"])
    cases = {
        "purchases": ["--transactions", out / "customers.csv"],
        "config": [out / "config.toml", "--transactions", sales],
        "MLflow store": ["--transactions", sales, "--tracking-uri", f"sqlite:///{out}/mlflow.db"],
    }
    for key in ("attributes", "treatments"):
        config = tmp_path / f"{key}.toml"
        config.write_text(f'[segments]\n{key} = "out/customers.csv"\n')
        cases[key] = [config, "--transactions", sales]
    for kind, arguments in cases.items():
        tracking = [] if kind == "MLflow store" else ["--no-tracking"]
        result = clvml("run", *arguments, *tracking, "--output", out)
        assert result.exit_code == 1
        assert f"contains the {kind} of this run" in result.stderr, result.stderr
    assert contents(out) == {"config.toml": "", "customers.csv": ""}


def test_a_glob_of_purchases_that_would_read_the_results_is_refused(clvml, purchases, tmp_path):
    data = tmp_path / "data"
    write(data / "out", "", ["customers.csv"])
    purchases.to_csv(data / "sales.csv", index=False)
    result = clvml("run", "--transactions", f"{data}/**/*.csv", "--no-tracking", "--output", data / "out")
    assert "contains the purchases of this run" in result.stderr


def test_a_second_run_works_and_a_third_after_an_edit_says_which_file_would_be_lost(clvml, sales, tmp_path):
    config = tmp_path / "my.toml"
    config.write_text('[models]\ncontenders = ["historic"]\n')
    command = ["run", config, "--transactions", sales, "--no-tracking", "--output", "out"]
    for _ in range(2):
        assert clvml(*command).exit_code == 0
    own = tmp_path / "out" / "config.toml"
    own.write_text("# why we chose this\n" + own.read_text())
    result = clvml(*command)
    assert result.exit_code == 1
    assert "config.toml changed after clvml wrote it" in result.stderr
    assert own.read_text().startswith("# why we chose this\n")
    customers = pd.read_parquet(tmp_path / "out" / "customers.parquet")
    assert customers.attrs["time_unit"] == "W"


def test_ids_in_csv_are_escaped_where_a_spreadsheet_would_run_them(tmp_path):
    ids = pd.Index(["=1+1", "-5", "a"], name="customer_id")
    folder = OutputFolder(tmp_path / "out")
    path = folder.csv("segments.csv", pd.DataFrame({"segment_name": "+x"}, index=ids))
    assert path.read_text() == "customer_id,segment_name\n'=1+1,'+x\n-5,'+x\na,'+x\n"
    folder.complete()
