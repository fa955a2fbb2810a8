"""What goes wrong in tables that people have; every refusal is one line with its position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.table_runs import TableRuns, read_runs


def read(folder: Path, text: str, **options: Any) -> TableRuns:
    path = folder / "runs.csv"
    path.write_text(text)
    return read_runs(str(path), **options)


def losses(runs: TableRuns) -> list[float | None]:
    return [o.loss for o in runs.observations]


def reasons(runs: TableRuns) -> list[str]:
    return [f"{row.position.rpartition('/')[2]}: {row.reason}" for row in runs.understanding.rows]


@pytest.mark.parametrize(
    "cell",
    ["nan", "NaN", "inf", "-inf", "-nan", "infinity", "1e400", "-1e400", "diverged", "DIVERGED"],
)
def test_what_is_not_finite_diverged(tmp_path: Path, cell: str) -> None:
    runs = read(tmp_path, f"width,lr,loss\n64,0.1,{cell}\n64,0.2,2.5\n")
    assert losses(runs) == [None, 2.5]
    assert reasons(runs) == []


@pytest.mark.parametrize("cell", ["", "-", "N/A", "n/a", "null", "None", "–", "?"])
def test_a_missing_loss_is_not_a_diverged_run(tmp_path: Path, cell: str) -> None:
    runs = read(tmp_path, f"width,lr,loss\n64,0.1,{cell}\n64,0.2,2.5\n")
    assert losses(runs) == [2.5]
    assert reasons(runs) == ["runs.csv:2: no loss"]


@pytest.mark.parametrize(
    "cell", ["OOM", "oom", "crashed", "running", "killed", "CUDA out of memory"]
)
def test_runs_without_a_result_are_ignored(tmp_path: Path, cell: str) -> None:
    runs = read(tmp_path, f"width,lr,loss\n64,0.1,{cell}\n64,0.2,2.5\n")
    assert losses(runs) == [2.5]
    assert reasons(runs) == [f"runs.csv:2: loss is {cell}"]


def test_a_state_decides(tmp_path: Path) -> None:
    text = "width,lr,loss,status\n64,.1,2.1,crashed\n64,.2,2.2,finished\n64,.3,2.3,PRUNED\n"
    runs = read(tmp_path, text + "64,.4,2.4,diverged\n64,.5,,\n")
    assert [(o.loss, o.pruned) for o in runs.observations] == [
        (2.2, False),
        (None, True),
        (None, False),
    ]
    assert reasons(runs) == ["runs.csv:2: state is crashed", "runs.csv:6: no loss"]
    with pytest.raises(InputError, match=r"runs\.csv:3: status: expected a state .* found 'odd'"):
        read(tmp_path, "width,lr,loss,status\n64,.1,2.1,finished\n64,.2,2.2,odd\n")


def test_flags_are_states(tmp_path: Path) -> None:
    text = "width,lr,loss,diverged,crashed\n64,.1,2.5,False,0\n64,.2,9.9,True,0\n64,.3,2.6,no,1\n"
    runs = read(tmp_path, text)
    assert losses(runs) == [2.5, None]
    assert reasons(runs) == ["runs.csv:4: state is crashed"]


def test_a_history_is_no_table_of_runs(tmp_path: Path) -> None:
    rows = [f"{s},64,{lr},{3 - s / 400}\n" for lr in (0.1, 0.2, 0.4) for s in (100, 200, 400)]
    text = "step,width,lr,loss\n" + "".join(rows)
    with pytest.raises(InputError, match=r"step: several rows for each run; .* --where 'step=400'"):
        read(tmp_path, text)
    assert len(losses(read(tmp_path, text, where=["step=400"]))) == 3
    runs = read(tmp_path, text, columns=["steps=step"])
    assert {o.steps for o in runs.observations} == {100, 200, 400}
    # the control: the last step of each run
    runs = read(tmp_path, "step,width,lr,loss\n" + "".join(rows[2::3]))
    assert runs.understanding.line.endswith("ignored: step (last step logged)")


def test_all_failed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run with a result; ignored 2 × state is crashed"):
        read(tmp_path, "width,lr,loss,state\n64,.1,2.1,crashed\n64,.2,2.2,crashed\n")


def test_a_truncated_last_row(tmp_path: Path) -> None:
    runs = read(tmp_path, "width,lr,loss\n64,0.1,2.5\n64,0.2")
    assert losses(runs) == [2.5]
    assert reasons(runs) == ["runs.csv:3: truncated: 2 of 3 cells"]


def test_a_row_with_too_many_cells(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"runs\.csv:3: 4 cells under 3 names"):
        read(tmp_path, "width,lr,loss\n64,0.1,2.5\n1,024,0.2,2.6\n")
    # the control: quoted, the separator of thousands is read; trailing delimiters are none
    runs = read(tmp_path, 'width,lr,loss\n64,0.1,2.5,\n"1,024",0.2,2.6,\n')
    assert [o.width for o in runs.observations] == [64, 1024]


def test_two_losses(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, "width,lr,loss,loss\n64,0.1,2.5,2.6\n")
    assert str(error.value).endswith(
        "runs.csv:1: columns 3 and 4 are both 'loss'; pass --columns loss=#3, or rename one"
    )
    text = "width,lr,loss,loss\n64,0.1,2.5,2.6\n"
    assert losses(read(tmp_path, text, columns=["loss=#4"])) == [2.6]
    with pytest.raises(
        InputError, match=r"could be 'loss_a' or 'loss_b': pass --columns loss=loss_a"
    ):
        read(tmp_path, "width,lr,loss_a,loss_b\n64,0.1,2.5,2.6\n")
    with pytest.raises(InputError, match=r"loss could be 'loss' or 'loss\.1'"):
        read(tmp_path, "width,lr,loss,loss.1\n64,0.1,2.5,2.6\n")  # as pandas renames it
    # the controls: the same column twice, and two of which one is preferred
    assert losses(read(tmp_path, "width,lr,loss,loss\n64,0.1,2.5,2.5\n")) == [2.5]
    runs = read(tmp_path, "width,lr,train_loss,val_loss\n64,0.1,2.5,2.6\n")
    assert losses(runs) == [2.6]
    assert runs.understanding.line == (
        "loss from val_loss, width and lr by name; ignored: train_loss (another loss)"
    )


def test_two_widths(tmp_path: Path) -> None:
    text = "d_model,n_embd,lr,loss\n64,16,0.1,2.5\n64,32,0.2,2.6\n128,16,0.1,2.5\n"
    with pytest.raises(InputError, match="width could be 'd_model' or 'n_embd'; pass --columns"):
        read(tmp_path, text)
    runs = read(tmp_path, text, columns=["width=n_embd"])
    assert [o.width for o in runs.observations] == [16, 32, 16]


def test_results_and_times_are_no_hyperparameters(tmp_path: Path) -> None:
    rows = [
        f"{w},{2.0**x},{2 + x / 9 + 64 / w},{w * x},{x % 5},{w}{x}\n"
        for w in (64, 128) for x in range(-9, -4)
    ]  # fmt: skip
    runs = read(tmp_path, "width,lr,loss,runtime,accuracy,hours_per_epoch\n" + "".join(rows))
    assert all(o.params == {} for o in runs.observations)
    assert runs.understanding.line == (
        "width, lr and loss by name; ignored: runtime (time), accuracy (result), "
        "hours_per_epoch (time)"
    )


def test_a_designed_column_is_searched(tmp_path: Path) -> None:
    rows = [
        f"{w},{2.0**x},{s},{2 + x / 9 + s}\n"
        for w in (64, 128) for x in range(-9, -4) for s in (0.5, 1, 2)
    ]  # fmt: skip
    runs = read(tmp_path, "width,lr,gain,loss\n" + "".join(rows))
    assert runs.observations[1].params == {"gain": 1.0}
    # the controls: a measurement of the same name is asked for, a function of the width ignored
    rows = [f"{w},{2.0**x},{x * w % 7.3},{2 + x / 9}\n" for w in (64, 128) for x in range(-9, -4)]
    with pytest.raises(
        InputError, match=r"'gain': hyperparameter or result\? Pass --columns gain=gain"
    ):
        read(tmp_path, "width,lr,gain,loss\n" + "".join(rows))
    rows = [f"{w},{2.0**x},{w / 16},{2 + x / 9}\n" for w in (64, 128) for x in range(-9, -4)]
    runs = read(tmp_path, "width,lr,gain,loss\n" + "".join(rows))
    assert runs.understanding.line.endswith("ignored: gain (follows from width)")


def test_columns_can_be_left_out(tmp_path: Path) -> None:
    text = "width,lr,a,b,loss\n64,0.1,3,7,2.5\n64,0.2,5,1,2.6\n128,0.1,1,3,2.5\n"
    for option in ("ignore=a,ignore=b", "ignore=*"):
        runs = read(tmp_path, text, columns=[option])
        assert runs.understanding.line.endswith("a (as --columns says), b (as --columns says)")
    runs = read(tmp_path, text, columns=["ignore=a", "b=b"])
    assert [o.params for o in runs.observations] == [{"b": 7.0}, {"b": 1.0}, {"b": 3.0}]


def test_constant_zero_and_free_text_are_ignored(tmp_path: Path) -> None:
    rows = "".join(f"64,{lr},{lr + 2},0,adamw,True,try {lr}\n" for lr in (0.1, 0.2, 0.3))
    runs = read(tmp_path, "width,lr,loss,dropout,optimizer,flag,caption\n" + rows)
    assert runs.understanding.line == (
        "width, lr and loss by name; ignored: dropout (all zero), optimizer (constant), "
        "flag (constant), caption (text)"
    )


def test_choices_are_asked_for(tmp_path: Path) -> None:
    rows = "".join(
        f"64,{lr},{lr + n},{name}\n" for lr in (0.1, 0.2) for n, name in ((2, "one"), (3, "two"))
    )
    for column in ("optimizer", "kind"):
        text = f"width,lr,loss,{column}\n{rows}"
        with pytest.raises(InputError) as error:
            read(tmp_path, text)
        assert str(error.value).endswith(
            f"runs.csv:1: {column}: runs differ in it ('one' or 'two'); pick one with --where "
            f"'{column}=one', or pass --columns ignore={column}"
        )
        assert losses(read(tmp_path, text, where=[f"{column}=two"])) == [3.1, 3.2]


def test_zero_has_no_logarithm(tmp_path: Path) -> None:
    text = "width,lr,loss,wd\n64,.1,2,0\n64,.1,3,0.1\n64,.2,2,0\n64,.2,3,.1\n"
    rate = text.replace("64,.1,2,0", "64,0,2,0")
    assert losses(read(tmp_path, rate)) == [3.0, 2.0, 3.0]  # as `law` reads it
    size = text.replace("64,.1,2,0", "0,.1,2,0")
    with pytest.raises(InputError, match=r"runs\.csv:2: width: expected a .*no logarithm"):
        read(tmp_path, size)
    negative = text.replace("64,.1,2,0", "64,.1,2,-1")
    with pytest.raises(InputError, match=r"runs\.csv:2: wd \(weight_decay\): expected a positive"):
        read(tmp_path, negative)
    off = read(tmp_path, text)  # a weight decay of 0 is one that is off
    assert [o.params for o in off.observations] == [{"weight_decay": x} for x in (0, 0.1, 0, 0.1)]
    runs = read(tmp_path, text, where=["wd>0"])
    assert [o.params for o in runs.observations] == [{}, {}]  # the rest is constant
    assert losses(runs) == [3.0, 3.0]


def test_repeats_get_seeds(tmp_path: Path) -> None:
    rows = "".join(f"64,{lr},{lr + noise}\n" for lr in (0.1, 0.2) for noise in (2, 2.01))
    runs = read(tmp_path, "width,lr,loss\n" + rows)
    assert [(o.seed, o.loss) for o in runs.observations] == [
        (0, 2.1),
        (1, 2.11),
        (0, 2.2),
        (1, 2.21),
    ]
    assert runs.understanding.notes == ("2 settings were run several times: taken as repeats",)


def test_a_retry_replaces_what_diverged(tmp_path: Path) -> None:
    runs = read(tmp_path, "width,lr,loss\n64,.1,nan\n64,.1,2.5\n64,.2,2.6\n64,.3,nan\n")
    assert losses(runs) == [2.5, 2.6, None]
    assert reasons(runs) == ["runs.csv:2: diverged, and finished when run again"]
    # the control: where every setting was run twice, one of two seeds diverged
    runs = read(tmp_path, "width,lr,loss\n64,.1,nan\n64,.1,2.5\n64,.2,2.6\n64,.2,2.7\n")
    assert losses(runs) == [None, 2.5, 2.6, 2.7]


def test_duplicates_are_dropped(tmp_path: Path) -> None:
    runs = read(tmp_path, "width,lr,loss,id\n64,.1,2.5,a\n64,.2,2.6,b\n64,.1,2.5,a\n")
    assert losses(runs) == [2.5, 2.6]
    assert reasons(runs) == ["runs.csv:4: duplicate of another row"]


def test_rounded_steps_are_one_rung(tmp_path: Path) -> None:
    text = "width,steps,lr,loss\n64,3784,.1,2.5\n64,3785,.2,2.6\n64,3785,.3,2.6\n64,7569,.1,2.5\n"
    runs = read(tmp_path, text)
    assert [o.steps for o in runs.observations] == [3785, 3785, 3785, 7569]
    assert runs.understanding.notes == ("steps that differ by rounding are one size: 3784 to 3785",)


def test_a_mean_carries_its_deviation(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "width,lr,loss\n64,.1,2.31 ± 0.02\n").observations
    assert (run.loss, run.loss_sd, run.runs) == (2.31, 0.02, 1)
    (run,) = read(
        tmp_path, "width,lr,val_loss_mean,val_loss_std,n\n64,.1,2.31,.02,5\n"
    ).observations
    assert (run.loss, run.loss_sd, run.runs) == (2.31, 0.02, 5)
    # a standard error of .01 over 4 runs is a deviation of .02
    (run,) = read(tmp_path, "width,lr,loss,loss_se,n_seeds\n64,.1,2.31,.01,4\n").observations
    assert (run.loss, run.loss_sd, run.runs) == (2.31, 0.02, 4)
    # the control: the deviation of another loss
    runs = read(tmp_path, "width,lr,val_loss,train_loss_std\n64,.1,2.31,.02\n")
    assert runs.observations[0].loss_sd is None


def test_models_by_parameters(tmp_path: Path) -> None:
    runs = read(tmp_path, "N,D,lr,loss\n125M,2.5B,1e-3,3.1\n0.35B,7e9,1e-3,2.9\n")
    assert [(o.width, o.size("params"), o.size("tokens")) for o in runs.observations] == [
        (None, 1.25e8, 2.5e9),
        (None, 3.5e8, 7e9),
    ]
    # beside the width they follow from, they are told and not used
    rows = [f"{w},{12 * w**2},{lr},2.5\n" for w in (64, 128) for lr in (0.1, 0.2)]
    runs = read(tmp_path, "width,params,lr,loss\n" + "".join(rows))
    assert runs.observations[0].further_sizes == {}
    assert runs.understanding.line.endswith("ignored: params (follows from width)")


def test_units_and_logarithms_in_names(tmp_path: Path) -> None:
    (run,) = read(tmp_path, "params (M),log2(lr),loss\n125,-10,2.5\n").observations
    assert (run.size("params"), run.lr) == (1.25e8, 2.0**-10)
    with pytest.raises(InputError, match=r"log_lr: of which base\? Pass --columns 'lr=10\^log_lr'"):
        read(tmp_path, "width,log_lr,loss\n64,-3,2.5\n")
    (run,) = read(tmp_path, "width,log_lr,loss\n64,-3,2.5\n", columns=["lr=10^log_lr"]).observations
    assert run.lr == pytest.approx(1e-3)


def test_missing_columns_name_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, "d_modl,lr,loss\n64,0.1,2.5\n")
    assert str(error.value).endswith(
        "runs.csv:1: no column 'width'; found d_modl, lr, loss; nearest: d_modl (nor params): "
        "pass --columns width=COLUMN"
    )
    with pytest.raises(InputError, match=r"has no column 'eval/los'; nearest: eval/loss"):
        read(tmp_path, "width,lr,eval/loss\n64,0.1,2.5\n", columns=["loss=eval/los"])


def test_sizes_sort_as_numbers(tmp_path: Path) -> None:
    runs = read(tmp_path, "width,lr,loss\n1024,.1,2.5\n64,.1,2.6\n256,.1,2.7\n")
    assert sorted(o.width or 0 for o in runs.observations) == [64, 256, 1024]
