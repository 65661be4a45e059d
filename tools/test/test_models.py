# SPDX-License-Identifier: MIT
"""The Promela models of models/: spin finds nothing against them, and something against each mutant."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "models"
ONE_CALL = {"CLIENTS": 1, "DEATHS": 2, "CANCELS": 0}  # for port.pml: fewer states
TWO_CALLS = {"CLIENTS": 1, "CALLS": 2, "DEATHS": 1, "CANCELS": 0}
TWO_CLIENTS = {"DEATHS": 1, "CANCELS": 0, "SECOND_ASKS": 1}
SMALL_RING = {"ROUNDS": 1, "DEATHS": 2, "CLIENT_DEATHS": 1}
TWO_PASSES = {"PASSES": 2, "STORES": 4, "LONGS": 0, "ROLLBACKS": 0}  # for ahead.pml
LONG_RECORD = {"PASSES": 1, "STORES": 4, "LONGS": 1, "ROLLBACKS": 0}
ROLLBACK = {"PASSES": 1, "STORES": 3, "LONGS": 0, "ROLLBACKS": 1}

# (model, whether its ltl formula is checked, definitions)
PASSING = [
    ("port", False, ONE_CALL),
    ("port", False, {**TWO_CALLS, "CANCELS": 1}),
    ("port", False, TWO_CLIENTS),
    ("port", False, {"DEATHS": 0, "MOVES": 1, "CANCELS": 0}),
    ("port", False, {"CLIENTS": 1, "DEATHS": 1, "MOVES": 1, "CANCELS": 0}),
    ("port", True, {**ONE_CALL, "WITH_FORMULA": 1}),
    ("ring", False, {"ROUNDS": 2, "DEATHS": 1, "CLIENT_DEATHS": 0}),
    ("ring", False, {"ROUNDS": 1, "DEATHS": 2, "CLIENT_DEATHS": 0}),
    ("ring", False, {"ROUNDS": 2, "DEATHS": 0, "CLIENT_DEATHS": 1}),
    ("ring", False, {"ROUNDS": 1, "DEATHS": 0, "CLIENT_DEATHS": 2}),
    ("ring", False, {"ROUNDS": 1, "DEATHS": 1, "CLIENT_DEATHS": 1}),
    ("ahead", False, TWO_PASSES),
    ("ahead", False, LONG_RECORD),
    ("ahead", False, {**ROLLBACK, "PASSES": 2}),
    ("twin", True, {}),
]
MUTANTS = [(model, ltl, name, definitions) for model, ltl, definitions, names in (
    ("port", False, ONE_CALL,
     "COUNT_NOT_RAISED ANSWERED_AFTER_REDELIVERY PARKED_ONES_RETURNED PARKED_REPLIES_DROPPED INHERIT_BEFORE_KILL "
     "DELAY_WITHOUT_TIMER GIVEN_UP_WITHOUT_ANSWERS SENT_WITHOUT_NUMBER COMMITTED_BEFORE_NOTED "
     "COMMITTED_BEFORE_QUEUED AWAIT_WITHOUT_UNDO FORGOTTEN_BEFORE_GIVEN NOT_UNDONE PARKED_BY_UNDONE_STAYS "
     "NOT_CAUGHT_UP STATE_OF_ONE_THAT_HAD_NONE"),
    ("port", False, TWO_CALLS, "CALLS_NOT_NUMBERED"),
    ("port", False, TWO_CLIENTS, "REDELIVERY_AT_THE_TAIL"),
    ("port", True, {**ONE_CALL, "WITH_FORMULA": 1}, "DELAY_WITHOUT_TIMER"),
    ("ring", False, SMALL_RING, "NOT_TOLD_AGAIN DEVICE_NOT_RESET NOT_RUN_AGAIN PUBLISHED_AGAIN NUMBER_LAST "
                                "PUBLISHED_BEFORE_COMMIT TAKEN_FROM_THE_RING"),
    ("ahead", False, TWO_PASSES, "LAPS_NOT_MARKED ANOTHER_LAP_MEANWHILE OVERWRITTEN_MEANWHILE MARK_AFTER_COPYING"),
    ("ahead", False, LONG_RECORD, "LONG_RECORDS_UNANNOUNCED"),
    ("ahead", False, ROLLBACK, "UNDONE_IS_FORGOTTEN"),
    ("twin", True, {}, "NO_REBOOT INHERITED_BEFORE_COMMIT KILLED_BEFORE_COMMIT NO_LOOK"),
) for name in names.split()]


def verify(folder, model, ltl, definitions):
    """(errors, states) of a verification."""
    shutil.copy(MODELS / f"{model}.pml", folder)
    options = [f"-D{name}={value}" for name, value in definitions.items()]
    subprocess.run(["spin", "-a", *options, f"{model}.pml"], cwd=folder, check=True, capture_output=True)
    kind = [] if ltl else ["-DSAFETY", "-DNOCLAIM"]
    # Without optimisation: it would take longer than it saves. gcc takes three times as long as clang.
    subprocess.run(["clang-19", "-O0", "-w", "-DCOLLAPSE", "-DMEMLIM=1024", *kind, "-o", "pan", "pan.c"], cwd=folder,
                   check=True)
    done = subprocess.run(["./pan", "-m100000", *(["-a"] if ltl else [])], cwd=folder, capture_output=True, text=True,
                          timeout=150)
    errors = re.search(r"errors: (\d+)", done.stdout)
    states = re.search(r"(\d+) states, stored", done.stdout)
    # A search that ended early, for want of depth or memory, has shown nothing.
    assert errors and "max search depth too small" not in done.stdout and "out of memory" not in done.stdout, done.stdout
    if int(errors[1]) == 0:
        assert "Search not completed" not in done.stdout, done.stdout
    return int(errors[1]), int(states[1])


@pytest.mark.seconds(8)
@pytest.mark.parametrize("model,ltl,definitions", PASSING)
def test_model_holds(tmp_path, model, ltl, definitions):
    errors, states = verify(tmp_path, model, ltl, definitions)
    print(f"{model} {definitions}: {states} states")
    assert errors == 0


@pytest.mark.seconds(2)
@pytest.mark.parametrize("model,ltl,mutant,definitions", MUTANTS)
def test_mutant_is_refuted(tmp_path, model, ltl, mutant, definitions):
    errors, _ = verify(tmp_path, model, ltl, {**definitions, f"MUTANT_{mutant}": 1})
    assert errors > 0
