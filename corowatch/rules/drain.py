"""Drain's groups of lines, of which a line is compared with few.

drain3 compares a line with each group at a leaf of its tree (`drain3/drain.py`, `fast_match`), and copies the leaf for
each new group: a log of random words has thousands there. Here a leaf finds those that may be near.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drain3.drain import Drain, LogCluster, Node

from corowatch.core.near import Near


class BoundedDrain(Drain):
    """Groups as Drain's; where more may be near than are looked at, a line joins the nearest of these."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._near: Near[int] = Near()

    def rebuild(self) -> None:
        """Drop the ways to groups that are gone: by themselves they only grow."""
        self.root_node = Node()
        self._near = Near()
        for cluster in self.clusters:
            self.add_seq_to_prefix_tree(self.root_node, cluster)

    def tree_search(self, root_node: Node, tokens: Sequence[str], sim_th: float,
                    include_params: bool) -> LogCluster | None:
        """The group of a line, if there is one."""
        node = root_node.key_to_child_node.get(str(len(tokens)))
        for token in self._way(tokens):
            if node is None:
                return None
            node = node.key_to_child_node.get(token) or node.key_to_child_node.get(self.param_str)
        if node is None:
            return None
        return self.fast_match(sorted(self._near.find(id(node), tokens)), tokens, sim_th, include_params)

    def add_seq_to_prefix_tree(self, root_node: Node, cluster: LogCluster) -> None:
        """Place a group where its lines are looked for."""
        words = cluster.log_template_tokens
        node = root_node.key_to_child_node.setdefault(str(len(words)), Node())
        for token in self._way(words):
            children = node.key_to_child_node
            if token not in children and (self.has_numbers(token) or len(children) + (
                    self.param_str not in children) >= self.max_children):
                token = self.param_str
            node = children.setdefault(token, Node())
        self._near.add(id(node), words, cluster.cluster_id)

    def _way(self, words: Sequence[str]) -> Sequence[str]:
        """The words that lead to a leaf: the last one never."""
        return words[:min(self.max_node_depth, len(words)) - 1]

    def get_seq_distance(self, seq1: Sequence[str], seq2: Sequence[str], include_params: bool) -> tuple[float, int]:
        """The share of words that are the same, and how many of the group's may be any."""
        may = seq1.count(self.param_str)
        return (sum(map(str.__eq__, seq1, seq2)) + may * include_params) / len(seq1), may
