"""Reads Prometheus' text format from stdin with Prometheus' own parser and writes what is in it.

One line for each family: name, type, names of the labels. Stops at what is no metric."""

import sys

from prometheus_client.parser import text_string_to_metric_families

seen = set()
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.type != "unknown", f"{family.name} has no type"
    assert family.documentation, f"{family.name} has no help"
    labels = set()
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, f"{key} is there twice"
        seen.add(key)
        labels |= set(sample.labels)
        if family.type == "counter":
            assert sample.value >= 0, sample
    name = family.name + ("_total" if family.type == "counter" else "")
    print(name, family.type, ",".join(sorted(labels)))
