/*
 * auth_trace.c: the client, its HELO and the sender, as Received and Return-Path have them.
 */
#include "main/auth.h"

#include "mail/header.h"
#include "mail/received.h"

static void take_client(struct auth_report *r)
{
	struct header_field field;
	struct ip client;
	str helo;
	for (size_t at = 0; header_next(r->header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("Received")) ||
			!received_client(field.value, &client, &helo))
			continue;
		r->client = client;
		r->has_client = true;
		r->client_source = STR("from the topmost Received field that names a client");
		if (r->helo_source.n == 0) {
			r->helo = helo;
			r->helo_source = r->client_source;
		}
		return;
	}
}

static void take_sender(struct auth_report *r)
{
	struct header_field field;
	if (!header_find(r->header, STR("Return-Path"), &field))
		return;
	str path = str_trim(field.value);
	if (str_starts(path, STR("<")) && str_ends(path, STR(">")))
		path = str_first(str_skip(path, 1), path.n - 2);
	r->sender = path;
	r->has_sender = true;
	r->sender_source = STR("from Return-Path");
}

void auth_trace(struct auth_report *r)
{
	if (!r->has_client)
		take_client(r);
	if (!r->has_sender)
		take_sender(r);
}
