/*
 * judge_testing.h: one judgement in tests: a configuration, a table of DNS answers, a client, a
 * message. The signed message is that of RFC 8463 §A.
 */
#pragma once

#include "filter/judge.h"
#include "io/task_sync.h"
#include "mailauth/dns_testing.h"

#define SIGNED_KEY                                                                                 \
	"brisbane._domainkey.football.example.com TXT v=DKIM1; k=ed25519; "                        \
	"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"

#define SIGNED_HEADER                                                                              \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"                            \
	" d=football.example.com; i=@football.example.com;\r\n"                                    \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"                                  \
	" subject : date : message-id : from : subject : date;\r\n"                                \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                                    \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"                          \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"                                                    \
	"From: Joe SixPack <joe@football.example.com>\r\n"                                         \
	"To: Suzie Q <suzie@shopping.example.net>\r\n"                                             \
	"Subject: Is dinner ready?\r\n"                                                            \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                                          \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"

#define SIGNED_BODY "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
#define SIGNED SIGNED_HEADER "\r\n" SIGNED_BODY

enum { TESTING_WALL = 1700000000 };

/* What is NULL has a default. */
struct testing_case {
	const char *config, *dns, *client, *helo, *sender, *domain, *message;
};

struct testing_judgement {
	const struct config *config;
	struct dns_table table;
	struct task *task;
	struct judge_message message;
	struct arena arena;
	struct envelope_result envelope;
	struct verdict verdict;
	struct judge_reply early;
};

static inline str testing_text(const char *z, const char *otherwise)
{
	return str_from_z(z ? z : otherwise);
}

static inline void testing_judge_init(struct testing_judgement *j, const struct testing_case *c)
{
	struct err err = { "" };
	*j = (struct testing_judgement){ .arena = ARENA_INIT(64 * 1024 * 1024) };
	str text = arena_printf(
		&j->arena, "hostname = \"mx.here.test\";\n%s", c->config ? c->config : "");
	j->config = config_parse(text, STR("test.conf"), STR("/"), &err);
	if (!j->config)
		ASSERT(!"a configuration that is wrong");
	dns_table_init(&j->table, testing_text(c->dns, ""));
	j->task = task_sync_new(&(struct task_sync_options){ .wall = SECONDS(TESTING_WALL) });
	j->message = (struct judge_message){
		.facts = { .id = STR("0123456789"),
			.door = STR("smtp"),
			.port = 4000,
			.helo = testing_text(c->helo, "mail.away.test"),
			.sender = testing_text(c->sender, "a@away.test"),
			.domain = testing_text(c->domain, "") },
		.content = testing_text(c->message, "From: a@away.test\r\n\r\nx\r\n"),
		.received = TESTING_WALL,
	};
	bool good = ip_parse(testing_text(c->client, "192.0.2.1"), &j->message.facts.client);
	ASSERT(good);
}

static inline void testing_judge_run(struct testing_judgement *j)
{
	judge_envelope(j->config, &j->table.dns, j->message.lists, &j->message.facts, &j->arena,
		&j->envelope);
	j->early = judge_early(j->config, &j->message.facts, &j->envelope, &j->arena);
	judge_message(j->task, j->config, &j->table.dns, &j->message, &j->envelope, &j->arena,
		&j->verdict);
}

static inline void testing_judge_done(struct testing_judgement *j)
{
	task_sync_free(j->task);
	config_unref(j->config);
	arena_done(&j->arena);
}
