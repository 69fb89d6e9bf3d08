#include "base/heap.h"

#include <stdlib.h>

static void set(struct heap *h, size_t i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->index = i;
}

static void up(struct heap *h, size_t i, struct heap_node *node)
{
	for (; i > 1 && node->key < h->nodes[i / 2]->key; i /= 2)
		set(h, i, h->nodes[i / 2]);
	set(h, i, node);
}

static void down(struct heap *h, size_t i, struct heap_node *node)
{
	for (size_t child; (child = 2 * i) <= h->n; i = child) {
		if (child < h->n && h->nodes[child + 1]->key < h->nodes[child]->key)
			child++;
		if (node->key <= h->nodes[child]->key)
			break;
		set(h, i, h->nodes[child]);
	}
	set(h, i, node);
}

void heap_done(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){ 0 };
}

void heap_add(struct heap *h, struct heap_node *node, int64_t key)
{
	ASSERT(node->index == 0);
	if (h->n + 2 > h->cap) {
		h->cap = MAX(h->cap * 2, (size_t)64);
		h->nodes = xrealloc(h->nodes, h->cap * sizeof(struct heap_node *));
	}
	node->key = key;
	up(h, ++h->n, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	size_t i = node->index;
	if (i == 0)
		return;
	struct heap_node *last = h->nodes[h->n--];
	node->index = 0;
	if (last == node)
		return;
	if (i > 1 && last->key < h->nodes[i / 2]->key)
		up(h, i, last);
	else
		down(h, i, last);
}
