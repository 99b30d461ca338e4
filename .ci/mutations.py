"""Plans of models with one mistake each: `orionrt check --model` must notice every one.

    mutations.py BINARY MODEL... [--at-least N]

Each model is planned, in its file's order and with tensors within others. The plans as they are
must pass; each with a mistake (a row dropped, a shorter lifetime, a smaller size, two names
exchanged, a place over another live tensor, another order, ...) must be refused with status 1 and a
message that names what is wrong. A model that needs sizes of dimensions is left out; --at-least so
many models must be planned.
"""

import argparse
import csv
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile

HEADER = ["id", "lower", "upper", "size", "alignment", "offset"]
EACH = 3


def run(binary, *arguments):
    done = subprocess.run([binary, *arguments], capture_output=True, text=True)
    return done.returncode, done.stderr


def mistakes_of_rows(rows, dice):
    """Names of mistakes, the rows with them, and what a message must have."""
    live = [i for i, row in enumerate(rows) if row["size"] > 0 and row["lower"] < row["upper"]]

    def changed(at, **more):
        return [row | more if i == at else row for i, row in enumerate(rows)]

    for at in dice.sample(live, min(EACH, len(live))):
        row = rows[at]
        name = row["id"]
        yield "dropped", rows[:at] + rows[at + 1 :], name
        yield "ends early", changed(at, upper=row["upper"] - 1), name
        yield "begins late", changed(at, lower=row["lower"] + 1), name
        yield "never alive", changed(at, upper=row["lower"], offset=0), name
        yield "smaller", changed(at, size=row["size"] - 1), name
        yield "larger", changed(at, size=row["size"] + 1), name
        yield "renamed", changed(at, id=name + "~"), name
        yield "misaligned", changed(at, offset=row["offset"] + 1, alignment=1), name
        if row["size"] >= row["alignment"]:
            yield "beyond the end", changed(at, offset=2**63 - row["alignment"]), ""
        yield "twice", rows + [row], name
        yield "another one", rows + [row | {"id": "~", "offset": 2**40}], "~"
        others = [rows[i] for i in live if i != at]
        beside = [o for o in others if o["lower"] < row["upper"] and row["lower"] < o["upper"]]
        if beside:
            other = dice.choice(beside)
            yield "over a live one", changed(at, offset=other["offset"]), ""
        unlike = [i for i in live if any(rows[i][k] != row[k] for k in ("lower", "upper", "size"))]
        if unlike:
            other = dice.choice(unlike)
            swapped = changed(at, id=rows[other]["id"])
            swapped[other] = swapped[other] | {"id": name}
            yield "names exchanged", swapped, ""


def mistakes_of_facts(plan, dice):
    """Mistakes in what a plan states of its model."""

    def changed(**more):
        return plan | {"model": plan["model"] | more}

    order = plan["model"]["order"]
    if len(order) > 1:
        yield "an operator less", changed(order=order[:-1]), ""
        yield "turned round", changed(order=order[::-1]), ""
        yield "turned round, in an order of its own", changed(order=order[::-1], order_of="x"), ""
    yield "an operator more", changed(order=[*order, "~"]), ""
    yield "a dimension more", changed(dims=plan["model"]["dims"] | {"~": 3}), "~"
    yield "something assumed", changed(assumed=plan["model"]["assumed"] | {"~": 3}), "~"
    yield "an aliasing that is none", changed(aliasing="~"), "~"
    within = [i for i, tensor in enumerate(plan["tensors"]) if "within" in tensor]
    if within:
        yield "no aliasing", changed(aliasing="off"), ""
        at = dice.choice(within)
        less = plan["tensors"][:at] + plan["tensors"][at + 1 :]
        roots = {tensor["within"]["id"] for tensor in less if "within" in tensor}
        if plan["tensors"][at]["id"] not in roots:
            yield "a view dropped", plan | {"tensors": less}, plan["tensors"][at]["id"]


def table(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def check(binary, model, plan, other):
    """What the check lets pass, and the number of mistakes."""
    dice = random.Random(9)
    passed, count = [], 0
    facts = None

    def refuses(name, content, word, suffix):
        nonlocal count
        count += 1
        file = plan.with_suffix(suffix)
        file.write_text(content)
        status, message = run(binary, "check", file, "--model", model)
        if status != 1 or word not in message:
            passed.append(f"{name} {word}: status {status} {message[:200]}")

    for aliasing in ("off", "views", "in-place", "parts"):
        file = plan.with_suffix(".json")
        arguments = ("--aliasing", aliasing, "--time-limit", "0.1", "--output", file)
        status, message = run(binary, "plan", model, *arguments)
        if status == 1 and "sizes are missing" in message:
            return None, message
        if status:
            wrong = f"no plan with aliasing {aliasing}: status {status}: {message[:300]}"
            return ([wrong], 0), None
        status, message = run(binary, "check", file, "--model", model)
        if status:
            passed.append(f"the right plan with aliasing {aliasing}: {message[:300]}")
        facts = json.loads(file.read_text())
        if aliasing == "off":
            rows = [{key: tensor[key] for key in HEADER} for tensor in facts["tensors"]]
        for name, content, word in mistakes_of_facts(facts, dice):
            refuses(name, json.dumps(content), word, ".json")
    # Whoever needs no fewer options than the defaults can be checked as a table, too.
    plan.with_suffix(".csv").write_text(table(rows))
    status, message = run(binary, "check", plan.with_suffix(".csv"), "--model", model)
    if status:
        passed.append(f"the right plan as a table: {message[:300]}")
    for name, content, word in mistakes_of_rows(rows, dice):
        refuses(name, table(content), word, ".csv")
    if other and [row["id"] for row in other] != [row["id"] for row in rows]:
        refuses("the plan of another model", table(other), "", ".csv")
    return (passed, count), rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--at-least", type=int, default=1, help="models that must be planned")
    options = parser.parse_args()
    binary, models = options.binary, options.models
    wrong = mistakes = planned = 0
    other = None
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            result, rest = check(binary, model, pathlib.Path(folder, "plan"), other)
            if result is None:
                print(f"{model}: left out: {rest.strip().splitlines()[0][:100]}")
                continue
            passed, count = result
            planned += rest is not None
            other = rest or other
            mistakes += count
            wrong += len(passed)
            print(f"{model}: {count} mistakes, {len(passed)} not noticed")
            for line in passed:
                print(f"    {line}")
    if wrong or planned < options.at_least:
        found = f"{wrong} wrong of {mistakes} mistakes in plans of {planned} models"
        sys.exit(f"{found}, expected none and at least {options.at_least} models")
    print(f"{mistakes} mistakes in plans of {planned} models, all of them noticed")


if __name__ == "__main__":
    main()
