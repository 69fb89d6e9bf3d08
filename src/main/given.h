/*
 * given.h: how a message came, for verbs that judge it: by options, else as its topmost fields
 * tell. Inside of main.
 */
#pragma once

#include "base/ip.h"
#include "base/str.h"

/* As the options have it; NULL: not given. */
struct given_options {
	const char *ip, *helo, *from;
};

/* Three of a verb's struct cli_option. */
#define GIVEN_OPTIONS(variable)                                                                    \
	{ .name = "ip",                                                                            \
		.placeholder = "ADDRESS",                                                          \
		.help = "the client that the message came from",                                   \
		.value = &(variable).ip },                                                         \
		{ .name = "helo",                                                                  \
			.placeholder = "NAME",                                                     \
			.help = "what it said in HELO or EHLO",                                    \
			.value = &(variable).helo },                                               \
	{                                                                                          \
		.name = "from", .placeholder = "SENDER",                                           \
		.help = "the sender of the envelope; \"<>\" for a bounce",                         \
		.value = &(variable).from                                                          \
	}

struct given {
	bool has_client, has_sender;
	struct ip client;
	str helo, sender;
	/* In words where that was taken from; empty: nobody knows. */
	str client_source, helo_source, sender_source;
};

/* EXIT_FAILED, and a message, where an option cannot be understood. */
int given_take(const struct given_options *o, struct given *out) MUST_USE;

/* Adds what the topmost fields tell of what is not there yet. Slices of the header. */
void given_trace(struct given *g, str header);
