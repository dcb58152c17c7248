#!/usr/bin/env python3
"""Commit messages: 'folder: imperative', at most 72 characters, no full stop; the body says why.

Checks the last commits, merges and the first of all apart; or, given a file, the message in it; as a hook:
  ln -s "$PWD/tests/lint/commit_message.py" "$(git rev-parse --git-path hooks/commit-msg)"
"""
import re
import subprocess
import sys

COMMITS = 30
LONGEST = 72
SUBJECT = re.compile(r"(?P<prefix>[a-z][a-z0-9_.-]*(?:/[a-z0-9_.-]+)*): (?P<first>[a-z][\w'-]*)\b.*")
# First words that are no imperative: "added", "adds", "adding".
NOT_IMPERATIVE = re.compile(
    r"(?!(?:feed|need|seed|speed|shed|embed|exceed|proceed|heed|bring|ring|string|ping|spring)$)"
    r"\w+(?:ed|ing)|(?:add|fix|make|remove|change|use|move|update|support|allow|print)s")


def problems_of(message: str) -> list[str]:
    lines = message.rstrip("\n").split("\n")
    subject = lines[0]
    found = []
    match = SUBJECT.fullmatch(subject)
    if match is None:
        found.append("wants 'folder: what it does', in lower case")
    elif NOT_IMPERATIVE.fullmatch(match["first"]):
        found.append(f"wants an imperative, not '{match['first']}'")
    if len(subject) > LONGEST:
        found.append(f"has {len(subject)} characters, more than {LONGEST}")
    if subject.endswith("."):
        found.append("ends in a full stop")
    if len(lines) > 1 and lines[1]:
        found.append("wants an empty line between subject and body")
    return [f"{subject!r} {problem}" for problem in found]


def main() -> int:
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            text = "".join(line for line in file if not line.startswith("#"))
        messages = [text]
    else:
        import tree
        done = subprocess.run(
            ["git", "-C", tree.ROOT, "log", "--min-parents=1", "--max-parents=1", f"-{COMMITS}",
             "--format=%B%x00"],
            capture_output=True, text=True)
        if done.returncode != 0:
            print("skipped: not a git checkout")
            return 77
        messages = [each.strip("\n") for each in done.stdout.split("\0") if each.strip()]
    problems = [problem for message in messages for problem in problems_of(message)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
