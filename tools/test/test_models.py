# SPDX-License-Identifier: MIT
"""The Promela models of models/: spin finds nothing against them, and something against each mutant."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "models"
SMALL = {"DEATHS": 2, "CANCELS": 0, "SECOND_ASKS_NOW": 1}  # for port.pml: fewer states

SMALL_RING = {"ROUNDS": 1, "DEATHS": 2, "CLIENT_DEATHS": 1}

# (model, whether its ltl formula is checked, definitions)
PASSING = [
    ("port", False, {"DEATHS": 1, "CANCELS": 1}),
    ("port", False, SMALL),
    ("port", False, {"CLIENTS": 1, "CALLS": 2, "DEATHS": 1, "CANCELS": 1}),
    ("port", True, {"CLIENTS": 1, "DEATHS": 2, "CANCELS": 0}),
    ("ring", False, {"ROUNDS": 2, "DEATHS": 1, "CLIENT_DEATHS": 0}),
    ("ring", False, {"ROUNDS": 1, "DEATHS": 2, "CLIENT_DEATHS": 0}),
    ("ring", False, {"ROUNDS": 2, "DEATHS": 0, "CLIENT_DEATHS": 1}),
    ("ring", False, {"ROUNDS": 1, "DEATHS": 0, "CLIENT_DEATHS": 2}),
    ("ring", False, {"ROUNDS": 1, "DEATHS": 1, "CLIENT_DEATHS": 1}),
    ("twin", True, {}),
]
MUTANTS = [(model, ltl, name) for model, ltl, names in (
    ("port", False, "COUNT_NOT_RAISED REDELIVERY_AT_THE_TAIL TIMER_NOT_SET_AGAIN PARKED_BEFORE_KEPT "
                    "ANSWERED_AFTER_REDELIVERY PARKED_ONES_RETURNED PARKED_REPLIES_DROPPED INHERIT_BEFORE_KILL "
                    "DELAY_WITHOUT_TIMER GIVEN_UP_WITHOUT_ANSWERS"),
    ("port", True, "DELAY_WITHOUT_TIMER"),
    ("ring", False, "NOT_TOLD_AGAIN DEVICE_NOT_RESET NOT_RUN_AGAIN PUBLISHED_AGAIN NUMBER_LAST PUBLISHED_BEFORE_COMMIT "
                    "TAKEN_FROM_THE_RING"),
    ("twin", True, "NO_REBOOT NEWBORN_NOT_NOTED NO_LOOK"),
) for name in names.split()]


def verify(folder, model, ltl, definitions):
    """(errors, states) of a verification."""
    shutil.copy(MODELS / f"{model}.pml", folder)
    options = [f"-D{name}={value}" for name, value in definitions.items()]
    subprocess.run(["spin", "-a", *options, f"{model}.pml"], cwd=folder, check=True, capture_output=True)
    kind = [] if ltl else ["-DSAFETY", "-DNOCLAIM"]
    # Without optimisation: it would take gcc longer than it saves.
    subprocess.run(["gcc", "-O0", "-w", "-DCOLLAPSE", "-DMEMLIM=1024", *kind, "-o", "pan", "pan.c"], cwd=folder,
                   check=True)
    done = subprocess.run(["./pan", "-m100000", *(["-a"] if ltl else [])], cwd=folder, capture_output=True, text=True,
                          timeout=60)
    errors = re.search(r"errors: (\d+)", done.stdout)
    states = re.search(r"(\d+) states, stored", done.stdout)
    # A search that ended early, for want of depth or memory, has shown nothing.
    assert errors and "max search depth too small" not in done.stdout and "out of memory" not in done.stdout, done.stdout
    if int(errors[1]) == 0:
        assert "Search not completed" not in done.stdout, done.stdout
    return int(errors[1]), int(states[1])


@pytest.mark.parametrize("model,ltl,definitions", PASSING)
def test_model_holds(tmp_path, model, ltl, definitions):
    errors, states = verify(tmp_path, model, ltl, definitions)
    print(f"{model} {definitions}: {states} states")
    assert errors == 0


@pytest.mark.parametrize("model,ltl,mutant", MUTANTS)
def test_mutant_is_refuted(tmp_path, model, ltl, mutant):
    definitions = SMALL if model == "port" else SMALL_RING if model == "ring" else {}
    if ltl and model == "port":
        definitions = {"CLIENTS": 1, "DEATHS": 2, "CANCELS": 0}
    errors, _ = verify(tmp_path, model, ltl, {**definitions, f"MUTANT_{mutant}": 1})
    assert errors > 0
