/*
 * config_lists_doc.c: what the sample and the manual page say about lists in the DNS, from the rows
 * of rules/lists.def.
 */
#include "base/config_lists.h"

static const struct row {
	const char *use, *zone, *kinds, *of, *text;
} rows[] = {
#define LIST(use, name, zone, kinds, of, listed, hash, text) { use, zone, kinds, of, text },
#define LIST_REPLY(use, name, code, mask, score, received_score, what, text)
#include "rules/lists.def"
#undef LIST
#undef LIST_REPLY
};

static const struct reply {
	const char *use, *name, *code;
	unsigned mask;
	double score, received_score;
	const char *text;
} replies[] = {
#define LIST(use, name, zone, kinds, of, listed, hash, text)
#define LIST_REPLY(use, name, code, mask, score, received_score, what, text)                       \
	{ use, name, code, mask, score, received_score, text },
#include "rules/lists.def"
#undef LIST
#undef LIST_REPLY
};

void config_lists_write_sample(struct buf *out)
{
	buf_printf(out, "\t# lists = (\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		buf_printf(out, "\t#\t{ use = \"%s\"; }%s\t# %s\n", rows[i].use,
			i + 1 < ARRAY_LEN(rows) ? "," : "", rows[i].text);
	buf_printf(out, "\t# );\n");
}

static const char manual[] =
	".SH LISTS IN THE DNS\n"
	"A list that is known by name needs no more than\n"
	".BR use ,\n"
	"and what stands beside that changes it; a key of one's own for Spamhaus is written\n"
	".PP\n.nf\n.RS\n"
	"filter: { lists = (\n"
	"  { use = \\(dqspamhaus-zen\\(dq; zone = \\(dqzen.dq.spamhaus.net\\(dq; key = "
	"\\(dq...\\(dq; },\n"
	"  { use = \\(dqdnswl\\(dq; },\n"
	"  { name = \\(dqOWN\\(dq; zone = \\(dqbl.example.org\\(dq; kind = \\(dqip domain\\(dq; of "
	"= \\(dqclient sender\\(dq;\n"
	"    replies = ( { code = \\(dq127.0.0.2\\(dq; score = 3.0; },\n"
	"                { name = \\(dqPHISH\\(dq; mask = 8; score = 6.0; decisive = true; } ); } "
	"); };\n"
	".RE\n.fi\n"
	".TP\n.B name\nOf its findings: A to Z, 0 to 9 and _. The name of the reply follows: "
	"ZEN_SBL.\n"
	".TP\n.B zone\nBelow which names are asked.\n"
	".TP\n.B key\nA secret that stands before the zone. It is not shown in logs, records and "
	"replies.\n"
	".TP\n.B kind\nWhat is looked up: ipv4, ipv6, ip (both), domain (the registered domain, by "
	"the public\nsuffix list), host (the name as it stands), hash (of a mail address in lower "
	"case).\n"
	".TP\n.B of\nOf which parts of a message: client, received (addresses in Received fields, "
	"with their own\nscores), helo, rdns (the client's name, where it leads back to the "
	"client), sender, from,\nreply_to, uri, dkim (domains of valid signatures).\n"
	".TP\n.B replies\nWhat answers mean.\n"
	".B code\nis four octets, each a number, a range (127.0.0.10-11) or *;\n"
	".B mask\nare bits that must be set, as in SURBL;\n"
	".B score\nis what it counts, below 0 for an allow list (of client, rdns and dkim "
	"only);\n"
	".B received_score\nwhat it counts where only a Received field has it (0);\n"
	".B decisive\nsays that the score may reach filter.junk_at by itself;\n"
	".B refusal\nthat it is no listing: the list refuses to answer;\n"
	".B text\nis for people. Beside\n.BR use ,\na reply of the same name is changed.\n"
	".TP\n.B listed\\fR, \\fBunlisted\nNames that are always, and never, listed, to see "
	"whether "
	"it works. Without them: 2.0.0.127 and\n1.0.0.127, test and invalid (RFC 5782).\n"
	".TP\n.B hash\nmd5, sha1 (without another word), sha256, sha256-base32.\n"
	".TP\n.B max_received\nHow many Received fields are looked at, from the newest (5).\n"
	".TP\n.B enabled\nfalse: it stands there, and is not asked.\n"
	".PP\n"
	"A list is broken when it answers 127.255.255.x or 127.0.0.1, which are errors, or outside "
	"of\n127.0.0.0/8; when what must be listed is not, or what must not be is; when it does "
	"not "
	"answer.\nIt then scores nothing, the log says so and why, and the decision record of each "
	"message too\n(LIST_BROKEN), until it works again.\n"
	".PP\nThese are known by name:\n";

static void manual_row(struct buf *out, const struct row *row)
{
	buf_printf(out, ".TP\n.B %s\n%s\nZone %s; kind \\(dq%s\\(dq; of \\(dq%s\\(dq.\n", row->use,
		row->text, row->zone, row->kinds, row->of);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		const struct reply *r = &replies[i];
		if (strcmp(r->use, row->use) != 0)
			continue;
		buf_printf(out, ".br\n%s%s%s", r->name, *r->name ? " " : "", r->code);
		if (r->mask)
			buf_printf(out, " with %u", r->mask);
		buf_printf(out, ": %s%.1f", r->score < 0 ? "\\-" : "",
			r->score < 0 ? -r->score : r->score);
		if (r->received_score > 0)
			buf_printf(out, " (Received %.1f)", r->received_score);
		buf_printf(out, ", %s\n", r->text);
	}
}

void config_lists_write_manual(struct buf *out)
{
	buf_add(out, str_from_z(manual));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		manual_row(out, &rows[i]);
}
