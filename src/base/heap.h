/*
 * heap.h: a binary heap of nodes that stand in their owners' structs, the least key first; for
 * deadlines.
 */
#pragma once

#include "base/base.h"

struct heap_node {
	int64_t key;
	size_t index; /* from 1; 0: in no heap */
};

struct heap {
	struct heap_node **nodes; /* nodes[1..n]; the array is owned */
	size_t n, cap;
};

void heap_done(struct heap *h);
void heap_add(struct heap *h, struct heap_node *node, int64_t key); /* it is in none */
void heap_remove(struct heap *h, struct heap_node *node); /* does nothing where it is in none */

/* The node with the least key; NULL in an empty heap. */
static inline struct heap_node *heap_least(const struct heap *h)
{
	return h->n ? h->nodes[1] : NULL;
}
