"""Objects, texts and tables as a program in Python has them."""

import json
import re


class Point:
    """An object with a dictionary."""

    def __init__(self, x, y):
        self.x = x
        self.y = y
        self.name = f"point {x}"


def main():
    """Makes and drops them for a second or two."""
    for round_ in range(6):
        points = [Point(i, i * round_) for i in range(40000)]
        table = {point.name: [point.x, str(point.y)] for point in points}
        text = json.dumps(table)
        again = json.loads(text)
        words = re.findall(r"\d+", text)
        total = sum(len(word) for word in words)
        sets = [set(words[i : i + 20]) for i in range(0, len(words), 200)]
        assert len(again) == len(points) and total and sets


main()
