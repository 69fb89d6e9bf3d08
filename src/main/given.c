#include "main/given.h"

#include "mail/header.h"
#include "mail/received.h"
#include "main/cli.h"

static str without_brackets(str path)
{
	if (str_starts(path, STR("<")) && str_ends(path, STR(">")))
		return str_first(str_skip(path, 1), path.n - 2);
	return path;
}

int given_take(const struct given_options *o, struct given *out)
{
	const str said = STR("as given");
	struct given g = { .has_client = o->ip,
		.has_sender = o->from,
		.helo = o->helo ? str_from_z(o->helo) : STR_EMPTY,
		.sender = o->from ? without_brackets(str_from_z(o->from)) : STR_EMPTY,
		.client_source = o->ip ? said : STR_EMPTY,
		.helo_source = o->helo ? said : STR_EMPTY,
		.sender_source = o->from ? said : STR_EMPTY };
	if (o->ip && !ip_parse(str_from_z(o->ip), &g.client))
		return cli_error(
			"--ip: \"%s\" is no address; for example 192.0.2.1 or 2001:db8::1", o->ip);
	*out = g;
	return EXIT_DONE;
}

static void take_client(struct given *g, str header)
{
	struct header_field field;
	struct ip client;
	str helo;
	for (size_t at = 0; header_next(header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("Received")) ||
			!received_client(field.value, &client, &helo))
			continue;
		g->client = client;
		g->has_client = true;
		g->client_source = STR("from the topmost Received field that names a client");
		if (g->helo_source.n == 0) {
			g->helo = helo;
			g->helo_source = g->client_source;
		}
		return;
	}
}

static void take_sender(struct given *g, str header)
{
	struct header_field field;
	if (!header_find(header, STR("Return-Path"), &field))
		return;
	g->sender = without_brackets(str_trim(field.value));
	g->has_sender = true;
	g->sender_source = STR("from Return-Path");
}

void given_trace(struct given *g, str header)
{
	if (!g->has_client)
		take_client(g, header);
	if (!g->has_sender)
		take_sender(g, header);
}
